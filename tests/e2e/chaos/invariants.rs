//! What must be true once things are quiet again, whatever happened before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use compass::advise::{self, Answer, Question};
use compass::api::{DeliveryMode, DeploymentIntent, DeploymentIntentStatus};
use compass::catalog::Catalog;
use compass::knowledge_base::{ConnectionSettings, KnowledgeBase};
use compass::manifest::{self, Settings};
use jiff::Timestamp;
use kube::api::{ApiResource, DynamicObject, ListParams};
use kube::{Api, Client, ResourceExt};
use serde::Deserialize;
use serde_json::{Value, json};

use super::users::{CAREFUL, Plan};
use super::world::{NAMESPACE, World};
use crate::support::condition;

const PATIENCE: Duration = Duration::from_secs(180);
const PAUSE: Duration = Duration::from_millis(500);
/// Nothing changes for so long before the invariants count.
const QUIET: Duration = Duration::from_secs(3);

/// Group, version, kind of all that Compass makes on a cluster without further CRDs.
const KINDS: [(&str, &str, &str); 7] = [
    ("", "v1", "ConfigMap"),
    ("", "v1", "Service"),
    ("", "v1", "PersistentVolumeClaim"),
    ("apps", "v1", "Deployment"),
    ("autoscaling", "v2", "HorizontalPodAutoscaler"),
    ("networking.k8s.io", "v1", "NetworkPolicy"),
    ("policy", "v1", "PodDisruptionBudget"),
];

/// Waits until all of them hold and nothing changes any more; panics with what does not hold.
/// - Each status is what a fresh decision on the evidence of now gives.
/// - Exactly what a fresh decision delivers is there, once.
/// - Nothing is there whose intent is gone.
/// - What was approved last runs.
pub async fn hold(world: &World, approved: Option<Plan>) {
    let inspector = Inspector::new(world);
    let deadline = Instant::now() + PATIENCE;
    let mut since: Option<(BTreeMap<String, String>, Instant)> = None;
    loop {
        let found = inspector.complaint(approved.as_ref()).await;
        let versions = inspector.versions().await;
        match (found, &since) {
            (None, Some((before, at))) if *before == versions => {
                if at.elapsed() > QUIET {
                    return;
                }
            }
            (None, _) => since = Some((versions, Instant::now())),
            (Some(complaint), _) if Instant::now() > deadline => panic!("{complaint}"),
            (Some(_), _) => since = None,
        }
        assert!(Instant::now() < deadline + PATIENCE, "something writes on");
        tokio::time::sleep(PAUSE).await;
    }
}

struct Inspector {
    client: Client,
    knowledge_base: KnowledgeBase,
    catalog: Arc<Catalog>,
}

impl Inspector {
    fn new(world: &World) -> Self {
        let catalog = Arc::new(Catalog::built_in());
        let settings = ConnectionSettings::default();
        Self {
            client: world.client.clone(),
            knowledge_base: KnowledgeBase::connect_lazy(
                &world.postgres.url(),
                &settings,
                Arc::clone(&catalog),
            )
            .unwrap(),
            catalog,
        }
    }

    /// The first thing that does not hold.
    async fn complaint(&self, approved: Option<&Plan>) -> Option<String> {
        let intents: Api<DeploymentIntent> = Api::namespaced(self.client.clone(), NAMESPACE);
        let intents = intents.list(&ListParams::default()).await.unwrap().items;
        let mut objects = self.objects().await;
        for intent in &intents {
            let name = intent.name_any();
            let expected = match self.fresh(intent, &objects).await {
                Ok(expected) => expected,
                Err(complaint) => return Some(format!("{name}: {complaint}")),
            };
            let uid = intent.uid().unwrap();
            let mine: BTreeSet<_> = objects
                .extract_if(.., |_, object| is_owned_by(object, &uid))
                .map(|(key, _)| key)
                .collect();
            if expected.is_some_and(|expected| expected != mine) {
                return Some(format!(
                    "{name} has other objects than it asks for: {mine:?}"
                ));
            }
            if name == CAREFUL && approved.is_some() && delivered(intent).as_ref() != approved {
                return Some(format!(
                    "approved was {approved:?}, but {:?} runs",
                    delivered(intent)
                ));
            }
        }
        // A cache of a model outlives its intent, on purpose.
        objects.retain(|(kind, _), _| *kind != "PersistentVolumeClaim");
        let orphans: Vec<_> = objects.keys().collect();
        (!orphans.is_empty()).then(|| format!("nobody's: {orphans:?}"))
    }

    /// Compares the status with a fresh decision, and says which objects that decision delivers;
    /// `None` where nothing complies, so that what an earlier answer delivered stays.
    async fn fresh(
        &self,
        intent: &DeploymentIntent,
        objects: &Objects,
    ) -> Result<Option<BTreeSet<Key>>, String> {
        let status = intent.status.clone().unwrap_or_default();
        if status.observed_generation != intent.metadata.generation {
            return Err("has not been looked at".to_owned());
        }
        let name = intent.name_any();
        let question = Question {
            name: &name,
            namespace: NAMESPACE,
            spec: &intent.spec,
            availability: None,
        };
        let settings = Settings::default();
        let now = Timestamp::now();
        let (catalog, source) = (&self.catalog, &self.knowledge_base);
        let mode = intent.spec.delivery.mode;
        let workload = objects.get(&("Deployment", name.clone()));
        let running = workload
            .filter(|it| is_owned_by(it, &intent.uid().unwrap()))
            .and_then(|it| manifest::running(it.annotations()));
        let (decision, manifests) = if mode == DeliveryMode::Apply {
            let running = running.as_ref();
            let revision = advise::revise(question, running, source, catalog, &settings, now);
            let revision = revision.await.map_err(|error| error.to_string())?;
            let proposed = revision.update.proposal.as_ref().map(advise::proposed);
            differ("proposed", &status.proposed, &proposed)?;
            if running.is_some() && !revision.update.keeps {
                return Err("what runs is to be changed".to_owned());
            }
            (revision.decision, revision.manifests)
        } else {
            let advice = advise::advise(question, source, catalog, &settings, now);
            let advice = advice.await.map_err(|error| error.to_string())?;
            (advice.decision, advice.manifests)
        };
        differ(
            "answer",
            &answered(&status)?,
            &without_placement(&advise::answer(&decision)),
        )?;
        let evidence = condition(intent, "EvidenceCurrent").map(|it| it.status.as_str());
        if evidence != Some("True") {
            return Err(format!("EvidenceCurrent is {evidence:?}"));
        }
        let Some(manifests) = manifests else {
            return Ok(None);
        };
        let yaml = manifests.map_err(|error| error.to_string())?.yaml();
        let mut expected = BTreeSet::new();
        if mode != DeliveryMode::Recommend {
            let Some(config_map) = objects.get(&("ConfigMap", name.clone())) else {
                return Err("has no ConfigMap".to_owned());
            };
            let delivered = &config_map.data["data"]["manifests.yaml"];
            differ("ConfigMap", delivered, &json!(yaml))?;
            expected.insert(("ConfigMap", name));
        }
        if mode == DeliveryMode::Apply {
            expected.extend(keys_of(&yaml));
        }
        Ok(Some(expected))
    }

    /// Everything that Compass says it manages.
    async fn objects(&self) -> Objects {
        let mut objects = Objects::new();
        let managed = ListParams::default().labels("app.kubernetes.io/managed-by=compass");
        for (group, version, kind) in KINDS {
            let resource =
                ApiResource::from_gvk(&kube::core::GroupVersionKind::gvk(group, version, kind));
            let api: Api<DynamicObject> =
                Api::namespaced_with(self.client.clone(), NAMESPACE, &resource);
            let listed = api.list(&managed).await.unwrap().items;
            objects.extend(listed.into_iter().map(|it| ((kind, it.name_any()), it)));
        }
        objects
    }

    async fn versions(&self) -> BTreeMap<String, String> {
        let intents: Api<DeploymentIntent> = Api::namespaced(self.client.clone(), NAMESPACE);
        let intents = intents.list_metadata(&ListParams::default()).await.unwrap();
        let version = |it: &_| ResourceExt::resource_version(it).unwrap_or_default();
        let versions = intents.iter();
        versions.map(|it| (it.name_any(), version(it))).collect()
    }
}

type Key = (&'static str, String);
type Objects = BTreeMap<Key, DynamicObject>;

fn is_owned_by(object: &DynamicObject, uid: &str) -> bool {
    object.owner_references().iter().any(|it| it.uid == uid)
}

fn delivered(intent: &DeploymentIntent) -> Option<Plan> {
    let delivered = intent.status.as_ref()?.delivered.as_ref()?;
    Some(Plan {
        model: delivered.model.clone(),
        hardware: delivered.hardware.clone(),
        gpus_per_replica: delivered.gpus_per_replica,
        replicas: delivered.replicas,
    })
}

/// Kind and name of each of the manifests that an intent owns.
fn keys_of(yaml: &str) -> impl Iterator<Item = Key> {
    let documents = serde_yaml_ng::Deserializer::from_str(yaml);
    documents.filter_map(|document| {
        let object = Value::deserialize(document).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let kind = text(&object["kind"]);
        let (_, _, kind) = KINDS.iter().find(|(_, _, known)| *known == kind)?;
        (*kind != "PersistentVolumeClaim").then(|| (*kind, text(&object["metadata"]["name"])))
    })
}

/// What the answer of a decision says; where it can be placed changes by the minute.
fn without_placement(answer: &Answer) -> Value {
    let mut answer = serde_json::to_value(answer).unwrap();
    answer.as_object_mut().unwrap().remove("placement");
    answer
}

fn answered(status: &DeploymentIntentStatus) -> Result<Value, String> {
    let Some((requirement, explanation)) =
        status.requirement.clone().zip(status.explanation.clone())
    else {
        return Err("is not answered".to_owned());
    };
    Ok(without_placement(&Answer {
        requirement,
        recommendation: status.recommendation.clone(),
        alternatives: status.alternatives.clone(),
        other_objectives: status.other_objectives.clone(),
        placement: None,
        explanation,
    }))
}

fn differ<T: PartialEq + std::fmt::Debug>(what: &str, is: &T, fresh: &T) -> Result<(), String> {
    if is == fresh {
        return Ok(());
    }
    Err(format!(
        "{what} is {is:#?}, a fresh decision gives {fresh:#?}"
    ))
}
