//! TLS for a server that runs already.

use anyhow::{Context, Result};

use super::{Postgres, execute};
use crate::Authority;

impl Postgres {
    /// Lets the server also speak TLS, with a certificate for its address, also as one of IPv6, by an
    /// authority of its own; returns the authority's certificate in PEM.
    pub fn serve_tls(&self) -> Result<String> {
        let authority = Authority::new()?;
        let server = authority.credentials()?;
        let url = self.url_of("postgres");
        // By the server itself, as its own account.
        for (file, pem) in [
            ("server.key", server.key),
            ("server.crt", server.certificate),
        ] {
            execute(
                &url,
                &format!(
                    "COPY (SELECT unnest(string_to_array('{pem}', E'\\n'))) \
                     TO PROGRAM 'umask 077; cat > {file}'"
                ),
            )
            .with_context(|| format!("cannot write {file}"))?;
        }
        execute(&url, "ALTER SYSTEM SET ssl = on")?;
        execute(&url, "SELECT pg_reload_conf()")?;
        Ok(authority.certificate())
    }
}
