//! TLS for a server that runs already.

use std::net::{IpAddr, Ipv4Addr};

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose, SanType,
};

use super::{Postgres, execute};

impl Postgres {
    /// Lets the server also speak TLS, with a certificate for its address, also as one of IPv6, by an
    /// authority of its own; returns the authority's certificate in PEM.
    pub fn serve_tls(&self) -> Result<String> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let mut server = CertificateParams::default();
        let here = Ipv4Addr::LOCALHOST;
        let names = [IpAddr::from(here), here.to_ipv6_mapped().into()];
        server.subject_alt_names = names.map(SanType::IpAddress).to_vec();
        let certificate = server.signed_by(&key, &authority)?;
        let url = self.url_of("postgres");
        // By the server itself, as its own account.
        for (file, pem) in [
            ("server.key", key.serialize_pem()),
            ("server.crt", certificate.pem()),
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
        Ok(authority.pem())
    }
}
