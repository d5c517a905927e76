//! An authority of one's own, whose certificates let servers of this machine speak TLS.

use std::net::{IpAddr, Ipv4Addr};

use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose, SanType,
};

/// Nobody knows it who is not given its certificate.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// What a server shows, and what it proves that with, in PEM.
pub struct Credentials {
    /// Of 127.0.0.1, also as an address of IPv6.
    pub certificate: String,
    /// Secret.
    pub key: String,
}

impl Authority {
    /// A new one.
    pub fn new() -> Result<Self> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        Ok(Self(issuer))
    }

    /// Its certificate, in PEM.
    pub fn certificate(&self) -> String {
        self.0.pem()
    }

    /// For another server.
    pub fn credentials(&self) -> Result<Credentials> {
        let key = KeyPair::generate()?;
        let mut server = CertificateParams::default();
        let here = Ipv4Addr::LOCALHOST;
        let names = [IpAddr::from(here), here.to_ipv6_mapped().into()];
        server.subject_alt_names = names.map(SanType::IpAddress).to_vec();
        Ok(Credentials {
            certificate: server.signed_by(&key, &self.0)?.pem(),
            key: key.serialize_pem(),
        })
    }
}
