//! Calls to the API server that end in time, and what goes wrong with them.

use std::any::Any;
use std::time::Duration;

use kube::core::Status;
use kube::runtime::watcher;
use thiserror::Error;

/// The client repeats what the server asks it to repeat, up to minutes; a reconcile does not wait
/// for that, it comes back later.
const DEADLINE: Duration = Duration::from_secs(15);

/// Why a call to the API server brought nothing.
#[derive(Debug, Error)]
pub enum ApiError {
    /// What the API server or the connection to it says.
    #[error("{}", message(.0))]
    Kube(#[from] kube::Error),
    /// It did not answer.
    #[error("the API server did not answer within {} s", DEADLINE.as_secs())]
    Deadline,
}

/// A `Status` of the API server says it in its message; its other fields are noise to people. A proxy
/// on the way may answer without one.
fn message(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if status.message.is_empty() => {
            format!("HTTP status {}, without a message", status.code)
        }
        kube::Error::Api(status) => status.message.clone(),
        other => other.to_string(),
    }
}

impl ApiError {
    /// Whether there is no such object.
    pub fn is_not_found(&self) -> bool {
        self.code() == Some(404)
    }

    /// Whether the object is not what the call took it for.
    pub fn is_conflict(&self) -> bool {
        self.code() == Some(409)
    }

    /// Whether the API server gave up waiting for something.
    pub fn is_timeout(&self) -> bool {
        self.code() == Some(504)
    }

    fn code(&self) -> Option<u16> {
        match self {
            Self::Kube(kube::Error::Api(status)) => Some(status.code),
            _ => None,
        }
    }

    /// Whether the same call would be refused again: a quota, a policy, a missing permission or an
    /// object that the API server finds invalid.
    pub fn is_refusal(&self) -> bool {
        matches!(self.code(), Some(400 | 401 | 403 | 405 | 422))
    }
}

/// What the API server says of a watch that failed.
pub fn said_of_watch(error: &watcher::Error) -> Option<&Status> {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => Some(status),
        _ => None,
    }
}

/// Why a reconcile could not even write its status.
#[derive(Debug, Error)]
pub enum Error {
    /// The intent could not be read.
    #[error("reading the intent: {0}")]
    Read(#[source] ApiError),
    /// The status could not be written.
    #[error("writing the status: {0}")]
    WriteStatus(#[source] ApiError),
    /// A fault of Compass.
    #[error("the reconcile panicked, which is a fault of Compass: {0}")]
    Panic(String),
}

impl Error {
    /// The fault behind a caught panic.
    pub fn panic(payload: &(dyn Any + Send)) -> Self {
        let message = payload
            .downcast_ref::<&str>()
            .map(|message| (*message).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned());
        Self::Panic(message.unwrap_or_else(|| "without a message".to_owned()))
    }

    /// Whether the intent changed while its answer was made: the answer is to another question, and
    /// the next look gives the one to this.
    pub fn is_outdated(&self) -> bool {
        matches!(self, Self::WriteStatus(error) if error.is_conflict())
    }

    /// The kind of error, for a metric's label.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Read(_) => "Read",
            Self::WriteStatus(_) => "WriteStatus",
            Self::Panic(_) => "Panic",
        }
    }
}

/// Waits for a call, but not for long.
pub async fn in_time<T>(call: impl Future<Output = kube::Result<T>>) -> Result<T, ApiError> {
    match tokio::time::timeout(DEADLINE, call).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(ApiError::Deadline),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_refused_again_is_told_from_what_may_pass() {
        let said = |code| {
            let status = kube::core::Status {
                code,
                ..Default::default()
            };
            ApiError::from(kube::Error::Api(Box::new(status)))
        };
        for (code, refused) in [
            (400, true),
            (403, true),
            (422, true),
            (409, false),
            (429, false),
            (500, false),
        ] {
            assert_eq!(said(code).is_refusal(), refused, "{code}");
        }
        assert!(!ApiError::Deadline.is_refusal());
        assert_eq!(said(502).to_string(), "HTTP status 502, without a message");
    }
}
