//! From a change of the knowledge base to the intents that it concerns, and to no others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::channel::mpsc::UnboundedSender;
use kube::runtime::reflector::ObjectRef;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::context::Watched;
use super::metrics::{Metrics, Operation};
use crate::benchmark::TrafficProfile;
use crate::knowledge_base::{Changed, Follower, KnowledgeBase, KnowledgeBaseError};
use crate::recommend::Requirement;

/// After the knowledge base was lost.
const RETRY: Duration = Duration::from_secs(1);
/// How often everything is looked at while the knowledge base does not record its changes.
const WHILE_UNRECORDED: Duration = Duration::from_secs(60);

/// What the answer of each intent was made of. An intent that is not here has no answer that a
/// benchmark could change, or is about to get its first.
#[derive(Debug, Default)]
pub struct Dependencies {
    intents: Mutex<HashMap<String, Dependency>>,
}

#[derive(Clone, Debug)]
struct Dependency {
    intent: ObjectRef<Watched>,
    profile: TrafficProfile,
    /// An answer without rows names the profiles that have some.
    on_the_profiles: bool,
    /// An estimate is made of the rows of other profiles (R13).
    on_every_row: bool,
}

impl Dependencies {
    /// To be called before evidence is read: what changes afterwards concerns the intent.
    pub fn asks(&self, intent: ObjectRef<Watched>, requirement: &Requirement) {
        let dependency = Dependency {
            profile: requirement.profile,
            on_the_profiles: true,
            on_every_row: requirement.evidence.allows_estimates(),
            intent,
        };
        self.with(|intents| intents.insert(dependency.intent.to_string(), dependency));
    }

    /// The profile has rows, so which others have some is nothing to the answer.
    pub fn found_rows(&self, intent: &str) {
        self.with(|intents| {
            if let Some(dependency) = intents.get_mut(intent) {
                dependency.on_the_profiles = false;
            }
        });
    }

    /// The intent is gone, or asks for nothing that can be answered.
    pub fn forget(&self, intent: &str) {
        self.with(|intents| intents.remove(intent));
    }

    /// The intents whose answer may have become another.
    pub fn concerned(&self, changed: &Changed) -> Vec<ObjectRef<Watched>> {
        let is_concerned = |dependency: &&Dependency| {
            changed.everything
                || changed.profiles.contains(&dependency.profile)
                || (dependency.on_every_row && !changed.profiles.is_empty())
                || (dependency.on_the_profiles && changed.profiles_that_have_rows)
        };
        self.with(|intents| {
            let concerned = intents.values().filter(is_concerned);
            concerned.map(|it| it.intent.clone()).collect()
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut HashMap<String, Dependency>) -> T) -> T {
        work(&mut self.intents.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Follows the knowledge base until `shutdown`, and sends every intent that is to be looked at.
pub async fn run(
    knowledge_base: KnowledgeBase,
    dependencies: Arc<Dependencies>,
    metrics: Arc<Metrics>,
    intents: UnboundedSender<ObjectRef<Watched>>,
    changed: Arc<Notify>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let tell = |what: &Changed| {
        changed.notify_one();
        let concerned = dependencies.concerned(what);
        metrics.knowledge_base_changed(concerned.len());
        for intent in concerned {
            // Nobody listens any more only while the process stops.
            intents.unbounded_send(intent).ok();
        }
    };
    let follow = async {
        loop {
            let Err(error) = follow(&knowledge_base, &metrics, tell).await;
            metrics.knowledge_base_listener(false);
            metrics.knowledge_base_failed(Operation::Follow, error.reason());
            debug!(%error, "changes of the knowledge base are not followed for now");
            tokio::time::sleep(RETRY).await;
        }
    };
    tokio::select! {
        () = follow => {}
        () = shutdown.cancelled() => {}
    }
    Ok(())
}

/// Follows as long as one connection lasts.
async fn follow(
    knowledge_base: &KnowledgeBase,
    metrics: &Metrics,
    tell: impl Fn(&Changed),
) -> Result<std::convert::Infallible, KnowledgeBaseError> {
    let everything = Changed {
        everything: true,
        ..Changed::default()
    };
    let mut follower = knowledge_base.follow().await?;
    metrics.knowledge_base_listener(follower.hears());
    // Nobody knows what happened before.
    tell(&everything);
    let mut told_everything = Instant::now();
    warn_unless_recorded(&follower);
    let mut was_recorded = follower.is_recorded();
    loop {
        let changed = follower.next().await?;
        if was_recorded != follower.is_recorded() {
            was_recorded = follower.is_recorded();
            warn_unless_recorded(&follower);
        }
        let is_due = !was_recorded && told_everything.elapsed() >= WHILE_UNRECORDED;
        if changed.everything || is_due {
            told_everything = Instant::now();
            tell(&everything);
        } else if !changed.is_empty() {
            tell(&changed);
        }
    }
}

fn warn_unless_recorded(follower: &Follower) {
    if !follower.is_recorded() {
        warn!(
            "the knowledge base does not record its changes, perhaps since a restore: run `compass migrate`; \
             until then every intent is looked at each {} s",
            WHILE_UNRECORDED.as_secs()
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::benchmark::EvidenceKind;
    use crate::recommend::test_support::requirement;

    fn profile(prompt_tokens: i32) -> TrafficProfile {
        TrafficProfile {
            prompt_tokens,
            output_tokens: 256,
        }
    }

    fn asking(prompt_tokens: i32) -> Requirement {
        let mut requirement = requirement("useCase: chatbot_conversational");
        requirement.profile = profile(prompt_tokens);
        requirement
    }

    fn names(dependencies: &Dependencies, changed: &Changed) -> Vec<String> {
        let concerned = dependencies.concerned(changed);
        let mut names: Vec<_> = concerned.into_iter().map(|intent| intent.name).collect();
        names.sort();
        names
    }

    #[test]
    fn a_change_concerns_whom_it_may_give_another_answer() {
        let dependencies = Dependencies::default();
        let key = |name: &str| ObjectRef::<Watched>::new(name).to_string();
        for (name, prompt_tokens) in [
            ("chat", 512),
            ("unseen", 7),
            ("summary", 4096),
            ("gone", 512),
        ] {
            dependencies.asks(ObjectRef::new(name), &asking(prompt_tokens));
        }
        dependencies.found_rows(&key("chat"));
        dependencies.found_rows(&key("summary"));
        dependencies.forget(&key("gone"));
        let under = |prompt_tokens| Changed {
            profiles: [profile(prompt_tokens)].into(),
            ..Changed::default()
        };
        assert_eq!(names(&dependencies, &under(512)), ["chat"]);
        assert_eq!(names(&dependencies, &under(7)), ["unseen"]);
        assert_eq!(names(&dependencies, &under(8)), [""; 0]);
        let first_row = Changed {
            profiles_that_have_rows: true,
            ..under(4096)
        };
        assert_eq!(names(&dependencies, &first_row), ["summary", "unseen"]);
        let everything = Changed {
            everything: true,
            ..Changed::default()
        };
        assert_eq!(
            names(&dependencies, &everything),
            ["chat", "summary", "unseen"]
        );
        dependencies.asks(ObjectRef::new("chat"), &asking(1024));
        assert_eq!(
            names(&dependencies, &under(512)),
            [""; 0],
            "it asks for something else now"
        );
    }
    #[test]
    fn any_row_concerns_an_intent_that_allows_estimates() {
        let dependencies = Dependencies::default();
        let mut estimated = asking(2048);
        estimated.evidence.minimum_kind = EvidenceKind::Estimated;
        let intent = ObjectRef::<Watched>::new("estimated");
        let key = intent.to_string();
        dependencies.asks(intent, &estimated);
        dependencies.asks(ObjectRef::new("exact"), &asking(2048));
        dependencies.found_rows(&key);
        let elsewhere = Changed {
            profiles: [profile(512)].into(),
            ..Changed::default()
        };
        assert_eq!(names(&dependencies, &elsewhere), ["estimated"]);
        assert_eq!(names(&dependencies, &Changed::default()), [""; 0]);
    }
}
