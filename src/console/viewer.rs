//! Who looks, and what they may see. The API server says both: it is asked with the viewer's own
//! token, so that nobody sees here what `kubectl` would not show them.

use axum::http::{HeaderMap, header};
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::api::{ListParams, PostParams};
use kube::core::{ApiResource, DynamicObject};
use kube::{Api, Client, Config};

use super::ClusterOptions;
use crate::api::DeploymentIntent;

/// The cookie that keeps a pasted token.
const COOKIE: &str = "compass-viewer";
/// Browsers keep no larger cookie.
const LONGEST_TOKEN: usize = 3800;

/// A cluster with intents.
#[derive(Clone)]
pub(super) struct Cluster {
    config: Config,
    /// The console's own: it only says which intents there are.
    own: Client,
    /// The only namespaces whose intents are listed; all where there is none.
    namespaces: Vec<String>,
    /// The only labels, likewise.
    selector: Option<String>,
}

/// Somebody with a token that the API server took.
pub(super) struct Viewer {
    pub(super) client: Client,
    pub(super) name: String,
}

/// Whether what a request brought says who asks.
pub(super) enum Sight {
    /// There is no token.
    Nobody,
    /// The API server did not take it.
    Refused(String),
    Seen(Viewer),
}

impl Cluster {
    pub(super) fn new(options: ClusterOptions) -> kube::Result<Self> {
        Ok(Self {
            own: Client::try_from(options.config.clone())?,
            config: options.config,
            namespaces: options.namespaces,
            selector: options.selector,
        })
    }

    /// Who asks: by the header that a proxy sets, else by the cookie.
    pub(super) async fn sight(&self, headers: &HeaderMap) -> Sight {
        let Some(token) = token(headers) else {
            return Sight::Nobody;
        };
        match self.viewer(&token).await {
            Ok(viewer) => Sight::Seen(viewer),
            Err(kube::Error::Api(status)) if status.code == 401 => {
                Sight::Refused("The API server does not take this token, or no longer.".to_owned())
            }
            Err(error) => Sight::Refused(format!("The API server cannot be asked: {error}")),
        }
    }

    /// A client that has nothing but the token.
    pub(super) async fn viewer(&self, token: &str) -> kube::Result<Viewer> {
        let mut config = self.config.clone();
        config.auth_info = serde_json::from_value(serde_json::json!({"token": token}))
            .map_err(kube::Error::SerdeError)?;
        let client = Client::try_from(config)?;
        let reviews: Api<SelfSubjectReview> = Api::all(client.clone());
        let asked = SelfSubjectReview::default();
        let review = reviews.create(&PostParams::default(), &asked).await?;
        let user = review.status.and_then(|status| status.user_info);
        let name = user.and_then(|user| user.username).unwrap_or_default();
        Ok(Viewer { client, name })
    }

    /// Every intent that the console's own account lists, whether this version can read it or not.
    pub(super) async fn known_intents(&self) -> kube::Result<Vec<DynamicObject>> {
        let resource = ApiResource::erase::<DeploymentIntent>(&());
        let what = ListParams {
            label_selector: self.selector.clone(),
            ..ListParams::default()
        };
        let places = if self.namespaces.is_empty() {
            vec![Api::all_with(self.own.clone(), &resource)]
        } else {
            let namespaces = self.namespaces.iter();
            let place = |it: &String| Api::namespaced_with(self.own.clone(), it, &resource);
            namespaces.map(place).collect()
        };
        let mut known: Vec<DynamicObject> = Vec::new();
        for place in places {
            known.extend(place.list(&what).await?.items);
        }
        Ok(known)
    }
}

impl Viewer {
    /// Whether the API server lets them.
    pub(super) async fn may(&self, right: ResourceAttributes) -> kube::Result<bool> {
        let reviews: Api<SelfSubjectAccessReview> = Api::all(self.client.clone());
        let asked = SelfSubjectAccessReview {
            spec: SelfSubjectAccessReviewSpec {
                resource_attributes: Some(right),
                ..SelfSubjectAccessReviewSpec::default()
            },
            ..SelfSubjectAccessReview::default()
        };
        let review = reviews.create(&PostParams::default(), &asked).await?;
        Ok(review.status.is_some_and(|status| status.allowed))
    }
}

/// The token that a request brings.
pub(super) fn token(headers: &HeaderMap) -> Option<String> {
    let bearer = headers.get(header::AUTHORIZATION);
    let bearer = bearer.and_then(|it| it.to_str().ok()?.strip_prefix("Bearer "));
    let cookies = headers.get_all(header::COOKIE).iter();
    let mut cookies = cookies
        .filter_map(|it| it.to_str().ok())
        .flat_map(|it| it.split("; "));
    let kept = || cookies.find_map(|it| it.strip_prefix(COOKIE)?.strip_prefix('='));
    bearer
        .or_else(kept)
        .map(str::to_owned)
        .filter(|it| is_token(it))
}

/// Whether it can be a token, so that it can stand in a header.
pub(super) fn is_token(text: &str) -> bool {
    let is_of_one = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    !text.is_empty() && text.len() <= LONGEST_TOKEN && text.bytes().all(is_of_one)
}

/// Keeps a token until the browser is closed, out of reach of scripts and of other sites.
pub(super) fn kept(token: &str, headers: &HeaderMap) -> String {
    format!("{COOKIE}={token}; {}", attributes(headers))
}

/// Forgets it.
pub(super) fn forgotten(headers: &HeaderMap) -> String {
    format!("{COOKIE}=; Max-Age=0; {}", attributes(headers))
}

fn attributes(headers: &HeaderMap) -> String {
    let is_https = headers
        .get("x-forwarded-proto")
        .is_some_and(|it| it == "https");
    let secure = if is_https { "; Secure" } else { "" };
    format!("Path=/; HttpOnly; SameSite=Strict{secure}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(headers: &[(&'static str, &str)]) -> Option<String> {
        let headers = headers.iter().map(|(name, value)| {
            let name = axum::http::HeaderName::from_static(name);
            (name, value.parse().unwrap())
        });
        token(&headers.collect())
    }

    #[test]
    fn a_proxys_header_comes_before_a_cookie() {
        assert_eq!(of(&[]), None);
        assert_eq!(
            of(&[("cookie", "a=b; compass-viewer=x.y")]),
            Some("x.y".into())
        );
        let both = [
            ("authorization", "Bearer p.q"),
            ("cookie", "compass-viewer=x.y"),
        ];
        assert_eq!(of(&both), Some("p.q".into()));
        assert_eq!(of(&[("authorization", "Basic YTpi")]), None);
        assert_eq!(of(&[("cookie", "compass-viewer=")]), None);
    }

    #[test]
    fn what_cannot_be_a_token_is_none() {
        assert!(is_token("eyJhbGciOi.x-_~+/="));
        for none in ["", "a b", "a;b", "a\r\nb", "ä", &"x".repeat(5000)] {
            assert!(!is_token(none), "{none}");
        }
    }

    #[test]
    fn a_cookie_is_secure_where_the_way_is() {
        let https = HeaderMap::from_iter([(
            header::HeaderName::from_static("x-forwarded-proto"),
            "https".parse().unwrap(),
        )]);
        let strict = "compass-viewer=t; Path=/; HttpOnly; SameSite=Strict";
        assert_eq!(kept("t", &HeaderMap::new()), strict);
        assert_eq!(kept("t", &https), format!("{strict}; Secure"));
    }
}
