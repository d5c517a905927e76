//! Who may load benchmarks here. Where there is a cluster, it says so: of nobody by default. Else it
//! is whoever was told the token with which the console was started.

use std::sync::Arc;

use axum::http::HeaderMap;
use k8s_openapi::api::authorization::v1::ResourceAttributes;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use super::viewer::{self, Cluster, Sight};

/// What a person needs in the whole cluster. No such object exists: the right stands in roles alone.
pub(super) fn right() -> ResourceAttributes {
    ResourceAttributes {
        group: Some("compass.dev".to_owned()),
        resource: Some("benchmarks".to_owned()),
        verb: Some("create".to_owned()),
        ..ResourceAttributes::default()
    }
}

/// Files that are taken in at once: each is held in memory.
const AT_ONCE: usize = 1;

/// Where loads go, and who may load.
pub(super) struct Writes {
    /// Of the server that takes changes.
    pub(super) database_url: String,
    authority: Authority,
    /// Bounds the memory for files.
    pub(super) turns: Semaphore,
}

enum Authority {
    Cluster(Arc<Cluster>),
    Token(String),
}

/// Somebody who may load.
pub(super) struct Writer {
    pub(super) name: String,
    /// Proves that a form was made for this person. Nobody else can: it comes of their own token,
    /// so that any of several consoles knows it.
    pub(super) form_token: String,
}

/// What somebody is to loads.
pub(super) enum Standing {
    /// Not signed in; why not, where a token was not taken.
    Stranger(Option<String>),
    /// Signed in without the right; what was wrong, where it could not be asked.
    Reader(String, Option<String>),
    Writer(Writer),
}

impl Writes {
    pub(super) fn by_cluster(database_url: String, cluster: Arc<Cluster>) -> Self {
        Self::new(database_url, Authority::Cluster(cluster))
    }

    pub(super) fn by_token(database_url: String, token: String) -> Self {
        Self::new(database_url, Authority::Token(token))
    }

    fn new(database_url: String, authority: Authority) -> Self {
        Self {
            database_url,
            authority,
            turns: Semaphore::new(AT_ONCE),
        }
    }

    /// Whether this is the token with which the console was started.
    pub(super) fn knows(&self, token: &str) -> bool {
        matches!(&self.authority, Authority::Token(known) if is_same(known, token))
    }

    pub(super) async fn standing(&self, headers: &HeaderMap) -> Standing {
        let Some(token) = viewer::token(headers) else {
            return Standing::Stranger(None);
        };
        let writer = |name: String| {
            Standing::Writer(Writer {
                name,
                form_token: form_token(&token),
            })
        };
        let cluster = match &self.authority {
            Authority::Token(_) if self.knows(&token) => return writer("Signed in".to_owned()),
            Authority::Token(_) => {
                let problem = "Your token is not this console's: it has a new one at each start.";
                return Standing::Stranger(Some(problem.to_owned()));
            }
            Authority::Cluster(cluster) => cluster,
        };
        match cluster.sight(headers).await {
            Sight::Nobody => Standing::Stranger(None),
            Sight::Refused(problem) => Standing::Stranger(Some(problem)),
            Sight::Seen(viewer) => match viewer.may(right()).await {
                Ok(true) => writer(viewer.name),
                Ok(false) => Standing::Reader(viewer.name, None),
                Err(error) => Standing::Reader(viewer.name, Some(error.to_string())),
            },
        }
    }
}

impl Writer {
    /// Whether a form was made for this person.
    pub(super) fn sent(&self, form_token: &str) -> bool {
        is_same(&self.form_token, form_token)
    }
}

fn form_token(token: &str) -> String {
    hexadecimal(&Sha256::digest(format!("a form of Compass for {token}")))
}

/// Compared by digests, so that the time it takes tells nothing of the secret.
fn is_same(secret: &str, given: &str) -> bool {
    Sha256::digest(secret) == Sha256::digest(given)
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_names_the_right() {
        let right = right();
        let rule = format!(
            "- apiGroups: [{}]\n  resources: [{}]\n  verbs: [{}]\n",
            right.group.unwrap(),
            right.resource.unwrap(),
            right.verb.unwrap()
        );
        for page in [
            include_str!("../../docs/permissions.md"),
            include_str!("../../charts/compass/templates/rbac-users.yaml"),
        ] {
            assert!(page.contains(&rule), "{rule}");
        }
    }

    #[test]
    fn a_form_is_one_persons() {
        let writer = Writer {
            name: String::new(),
            form_token: form_token("x.y"),
        };
        assert!(writer.sent(&form_token("x.y")));
        for other in ["", "x.y", &form_token("x.z")] {
            assert!(!writer.sent(other), "{other}");
        }
        assert!(!form_token("x.y").contains("x.y"));
    }

    #[tokio::test]
    async fn a_console_without_a_cluster_knows_its_own_token() {
        let writes = Writes::by_token("postgres://none".to_owned(), "t0".to_owned());
        let standing = async |token: &str| {
            let bearer = format!("Bearer {token}").parse().unwrap();
            let headers = HeaderMap::from_iter([(axum::http::header::AUTHORIZATION, bearer)]);
            writes.standing(&headers).await
        };
        assert!(matches!(standing("t0").await, Standing::Writer(_)));
        assert!(matches!(standing("t1").await, Standing::Stranger(Some(_))));
        let nobody = writes.standing(&HeaderMap::new()).await;
        assert!(matches!(nobody, Standing::Stranger(None)));
    }
}
