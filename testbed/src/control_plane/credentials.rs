//! The control plane's certificate authority, and the certificates and kubeconfigs that it signs.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType,
};
use serde_json::{Value, json};

/// The first address of the service range, under which the API server is known inside a cluster.
const SERVICE_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

/// A certificate authority with its files in one folder.
pub(super) struct Credentials {
    authority: Issuer<'static, KeyPair>,
    directory: PathBuf,
}

impl Credentials {
    /// Makes the authority, the API server's certificate (`server.crt`, `server.key`) and the key
    /// that signs service accounts' tokens (`service-accounts.key`, `service-accounts.pub`).
    pub fn create(directory: &Path) -> Result<Credentials> {
        let mut params = named("compass-testbed", None);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        let key = KeyPair::generate()?;
        fs::write(directory.join("ca.crt"), params.self_signed(&key)?.pem())
            .context("cannot write the authority's certificate")?;
        let credentials = Credentials {
            authority: Issuer::new(params, key),
            directory: directory.to_owned(),
        };

        let mut server = named("kube-apiserver", None);
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        server.subject_alt_names = vec![
            SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            SanType::IpAddress(IpAddr::V4(SERVICE_ADDRESS)),
            SanType::DnsName("localhost".try_into()?),
        ];
        credentials.issue(&server, "server")?;

        let service_accounts = KeyPair::generate()?;
        fs::write(
            credentials.file("service-accounts.key"),
            service_accounts.serialize_pem(),
        )?;
        fs::write(
            credentials.file("service-accounts.pub"),
            service_accounts.public_key_pem(),
        )?;
        Ok(credentials)
    }

    /// The path of one of the files.
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Writes `<user>.kubeconfig` with a client certificate for the user.
    pub fn write_kubeconfig(&self, url: &str, user: &str, group: Option<&str>) -> Result<PathBuf> {
        let mut client = named(user, group);
        client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let name = format!("user-{user}");
        self.issue(&client, &name)?;
        self.kubeconfig(
            url,
            user,
            "default",
            &json!({
                "client-certificate": self.file(&format!("{name}.crt")),
                "client-key": self.file(&format!("{name}.key")),
            }),
        )
    }

    /// Writes `<namespace>.<name>.kubeconfig` with the token of a service account, and its
    /// namespace as the default one, as in a pod.
    pub fn write_kubeconfig_of_service_account(
        &self,
        url: &str,
        namespace: &str,
        name: &str,
        token: &str,
    ) -> Result<PathBuf> {
        let user = format!("{namespace}.{name}");
        self.kubeconfig(url, &user, namespace, &json!({"token": token}))
    }

    fn kubeconfig(
        &self,
        url: &str,
        user: &str,
        namespace: &str,
        credential: &Value,
    ) -> Result<PathBuf> {
        // JSON is YAML.
        let kubeconfig = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "testbed", "cluster": {
                "server": url,
                "certificate-authority": self.file("ca.crt"),
            }}],
            "users": [{"name": user, "user": credential}],
            "contexts": [{"name": "testbed", "context": {
                "cluster": "testbed",
                "user": user,
                "namespace": namespace,
            }}],
            "current-context": "testbed",
        });
        let path = self.file(&format!("{user}.kubeconfig"));
        fs::write(&path, format!("{kubeconfig:#}\n"))
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    fn issue(&self, params: &CertificateParams, name: &str) -> Result<()> {
        let key = KeyPair::generate()?;
        let certificate = params
            .signed_by(&key, &self.authority)
            .with_context(|| format!("cannot sign a certificate for {name}"))?;
        fs::write(self.file(&format!("{name}.crt")), certificate.pem())
            .with_context(|| format!("cannot write {name}.crt"))?;
        fs::write(self.file(&format!("{name}.key")), key.serialize_pem())
            .with_context(|| format!("cannot write {name}.key"))
    }
}

/// Kubernetes reads the user from the common name and the group from the organisation.
fn named(user: &str, group: Option<&str>) -> CertificateParams {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, user);
    if let Some(group) = group {
        name.push(DnType::OrganizationName, group);
    }
    let mut params = CertificateParams::default();
    params.distinguished_name = name;
    params
}
