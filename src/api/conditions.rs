//! The catalogue of conditions: every type and reason that Compass writes, and one constructor for
//! each outcome. Messages are for people; code compares types, statuses and reasons only.
//!
//! `Ready` is always there, always about `delivery.mode`'s whole job. As kstatus reads them,
//! `Reconciling` means that work is in progress, `Stalled` that a person has to act; both are there
//! only while they are true. `PredictionHolds` is there only while it is false.

/// The intent is answered and delivered as `delivery.mode` asks.
pub const READY: &str = "Ready";
/// Work is in progress; there only while `True`.
pub const RECONCILING: &str = "Reconciling";
/// A person has to act before the intent can become Ready; there only while `True`.
pub const STALLED: &str = "Stalled";
/// The answer rests on what the knowledge base holds now.
pub const EVIDENCE_CURRENT: &str = "EvidenceCurrent";
/// What `delivery.mode` asks for was written.
pub const DELIVERED: &str = "Delivered";
/// The predicted latencies are those of what runs; there only while `False`.
pub const PREDICTION_HOLDS: &str = "PredictionHolds";

/// Current evidence backs what runs (R12); there in mode Apply once something does.
pub const DELIVERED_COMPLIES: &str = "DeliveredComplies";
/// A better decision than what runs stands in `status.proposed`; there only while `True`.
pub const BETTER_RECOMMENDATION_AVAILABLE: &str = "BetterRecommendationAvailable";

/// The types above: Compass leaves every other condition of an intent alone.
pub const TYPES: [&str; 8] = [
    READY,
    RECONCILING,
    STALLED,
    EVIDENCE_CURRENT,
    DELIVERED,
    DELIVERED_COMPLIES,
    BETTER_RECOMMENDATION_AVAILABLE,
    PREDICTION_HOLDS,
];

/// Why a condition has its status.
pub mod reason {
    /// Ready: the recommendation stands in the status, and no more was asked.
    pub const RECOMMENDED: &str = "Recommended";
    /// Ready, Delivered: the manifests stand in the ConfigMap.
    pub const RENDERED: &str = "Rendered";
    /// Delivered: the objects were applied.
    pub const APPLIED: &str = "Applied";
    /// Ready: the delivered Deployment is available.
    pub const AVAILABLE: &str = "Available";
    /// Reconciling: the delivered Deployment is not yet available.
    pub const PROGRESSING: &str = "Progressing";
    /// Reconciling: no GPU, or no quota for one, is free beside those of the running replicas, so
    /// they are replaced in place; fewer serve until the rollout is complete.
    pub const REPLACING_IN_PLACE: &str = "ReplacingInPlace";
    /// A container ends soon after each start. Reconciling; Stalled after more than five restarts or
    /// the Deployment's deadline.
    pub const CRASH_LOOPING: &str = "CrashLooping";
    /// As `CrashLooping`: a container ran out of memory, of the node or of its GPUs.
    pub const OUT_OF_MEMORY: &str = "OutOfMemory";
    /// Stalled: the hub refuses the model (401 or 403).
    pub const MODEL_ACCESS_DENIED: &str = "ModelAccessDenied";
    /// The image cannot be pulled. Stalled where it does not exist or is not allowed, else
    /// Reconciling until the Deployment's deadline.
    pub const IMAGE_PULL_FAILED: &str = "ImagePullFailed";
    /// Stalled: a container cannot be made, e.g. because a Secret or ConfigMap is missing.
    pub const CONTAINER_CONFIG_ERROR: &str = "ContainerConfigError";
    /// The scheduler finds no node for a pod. Reconciling until the Deployment's deadline.
    pub const UNSCHEDULABLE: &str = "Unschedulable";
    /// A ResourceQuota leaves no room for a pod. Reconciling until the Deployment's deadline.
    pub const QUOTA_EXCEEDED: &str = "QuotaExceeded";
    /// The API server refuses pods. Stalled where Pod Security does, else Reconciling until the
    /// Deployment's deadline.
    pub const PODS_REFUSED: &str = "PodsRefused";
    /// Stalled: KServe can make nothing of the LLMInferenceService.
    pub const WORKLOAD_REFUSED: &str = "WorkloadRefused";
    /// Reconciling: the node of a pod no longer reports.
    pub const NODE_LOST: &str = "NodeLost";
    /// Reconciling: a container that was ready no longer answers its readiness probe.
    pub const READINESS_LOST: &str = "ReadinessLost";
    /// Reconciling: a pod was evicted from its node, and its successor is not ready yet.
    pub const EVICTED: &str = "Evicted";
    /// Reconciling: a pod failed as a whole, e.g. because its node did not admit it, and its
    /// successor is not ready yet.
    pub const POD_FAILED: &str = "PodFailed";
    /// Stalled: the Deployment made no progress within its deadline, and no pod says why.
    pub const PROGRESS_DEADLINE_EXCEEDED: &str = "ProgressDeadlineExceeded";
    /// Stalled: no benchmarked configuration meets the intent.
    pub const NO_COMPLIANT_CONFIGURATION: &str = "NoCompliantConfiguration";
    /// Reconciling: with `hardware.availableOnly`, the cluster has no room now for anything that meets
    /// the intent. It is looked at again once there is.
    pub const INSUFFICIENT_CAPACITY: &str = "InsufficientCapacity";
    /// Stalled: nothing was benchmarked under the intent's traffic profile.
    pub const NO_EVIDENCE: &str = "NoEvidence";
    /// Stalled: the intent cannot be understood.
    pub const INVALID_INTENT: &str = "InvalidIntent";
    /// Stalled: no manifests can be made of the recommendation.
    pub const NOT_DEPLOYABLE: &str = "NotDeployable";
    /// Stalled: the recommendation rests on an estimate, which mode Apply does not apply without
    /// approval; what was delivered before stays.
    pub const ESTIMATE_NOT_APPLIED: &str = "EstimateNotApplied";
    /// DeliveredComplies: benchmarks of now back what runs.
    pub const COMPLIES: &str = "Complies";
    /// Ready, Stalled, DeliveredComplies: what runs is shown to miss a target or to break a
    /// constraint; Stalled where only a person can change it.
    pub const VIOLATED: &str = "Violated";
    /// DeliveredComplies: it cannot be told whether what runs complies; that alone changes nothing.
    pub const UNDECIDABLE: &str = "Undecidable";
    /// DeliveredComplies: what ran before was shown to fail, and was replaced.
    pub const REPLACED: &str = "Replaced";
    /// BetterRecommendationAvailable: the decision in `status.proposed` waits.
    pub const PROPOSED: &str = "Proposed";
    /// Stalled: the model is gated, and its pods would have neither a token nor the weights; what
    /// was delivered before stays.
    pub const GATED_MODEL_NEEDS_TOKEN: &str = "GatedModelNeedsToken";
    /// Stalled: an object of that name belongs to somebody else.
    pub const CONFLICT: &str = "Conflict";
    /// Stalled: the API server refuses an object, e.g. by a quota or a policy.
    pub const DELIVERY_REFUSED: &str = "DeliveryRefused";
    /// Reconciling: the API server did not answer, or asked for another attempt.
    pub const DELIVERY_FAILED: &str = "DeliveryFailed";
    /// `suspend` freezes every write but the status.
    pub const SUSPENDED: &str = "Suspended";
    /// Delivered: there is no answer to deliver; what was delivered before stays.
    pub const NO_ANSWER: &str = "NoAnswer";
    /// PredictionHolds: `spec.runtime` makes the deployment another than was benchmarked.
    pub const OVERRIDES_CONTRADICT_EVIDENCE: &str = "OverridesContradictEvidence";
    /// EvidenceCurrent: the knowledge base was read for this answer.
    pub const READ: &str = "Read";
    /// Ready, EvidenceCurrent: the knowledge base cannot be read.
    pub const KNOWLEDGE_BASE_UNAVAILABLE: &str = "KnowledgeBaseUnavailable";
}

/// A condition's status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConditionStatus {
    /// The type's statement holds.
    True,
    /// It does not.
    False,
    /// It cannot be told.
    Unknown,
}

impl ConditionStatus {
    /// As the API writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// What a condition says, before it is stamped with a generation and a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// One of [`TYPES`].
    pub type_: &'static str,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// One of [`reason`]'s.
    pub reason: &'static str,
    /// For people: what was found, and the remedy.
    pub message: String,
}

fn finding(
    type_: &'static str,
    status: ConditionStatus,
    reason: &'static str,
    message: impl Into<String>,
) -> Finding {
    Finding {
        type_,
        status,
        reason,
        message: message.into(),
    }
}

fn ready(reason: &'static str, message: String) -> Vec<Finding> {
    vec![finding(READY, ConditionStatus::True, reason, message)]
}

fn in_progress(reason: &'static str, message: String) -> Vec<Finding> {
    vec![
        finding(READY, ConditionStatus::False, reason, message.clone()),
        finding(RECONCILING, ConditionStatus::True, reason, message),
    ]
}

fn stalled(reason: &'static str, message: String) -> Vec<Finding> {
    vec![
        finding(READY, ConditionStatus::False, reason, message.clone()),
        finding(STALLED, ConditionStatus::True, reason, message),
    ]
}

/// Mode Recommend is done.
pub fn recommended(message: String) -> Vec<Finding> {
    ready(reason::RECOMMENDED, message)
}

/// Mode Render is done.
pub fn rendered(message: String) -> Vec<Finding> {
    ready(reason::RENDERED, message)
}

/// Mode Apply is done.
pub fn available(message: String) -> Vec<Finding> {
    ready(reason::AVAILABLE, message)
}

/// The Deployment is not available, which may pass by itself.
pub fn workload_progressing(reason: &'static str, message: String) -> Vec<Finding> {
    in_progress(reason, message)
}

/// The Deployment does not become available unless a person acts.
pub fn workload_stalled(reason: &'static str, message: String) -> Vec<Finding> {
    stalled(reason, message)
}

/// Nothing complies.
pub fn no_compliant_configuration(message: String) -> Vec<Finding> {
    stalled(reason::NO_COMPLIANT_CONFIGURATION, message)
}

/// What complies has no room in the cluster now.
pub fn insufficient_capacity(message: String) -> Vec<Finding> {
    in_progress(reason::INSUFFICIENT_CAPACITY, message)
}

/// The traffic profile has no benchmarks.
pub fn no_evidence(message: String) -> Vec<Finding> {
    stalled(reason::NO_EVIDENCE, message)
}

/// The intent cannot be decoded or resolved.
pub fn invalid_intent(message: String) -> Vec<Finding> {
    stalled(reason::INVALID_INTENT, message)
}

/// No manifests can be built.
pub fn not_deployable(message: String) -> Vec<Finding> {
    not_delivered(stalled(reason::NOT_DEPLOYABLE, message))
}

/// An estimate waits for a person.
pub fn estimate_not_applied(message: String) -> Vec<Finding> {
    not_delivered(stalled(reason::ESTIMATE_NOT_APPLIED, message))
}

/// What runs fails, and only a person can change it.
pub fn violated(message: String) -> Vec<Finding> {
    stalled(reason::VIOLATED, message)
}

/// What current evidence says of what runs.
pub fn delivered_complies(status: ConditionStatus, message: String) -> Finding {
    let reason = match status {
        ConditionStatus::True => reason::COMPLIES,
        ConditionStatus::False => reason::VIOLATED,
        ConditionStatus::Unknown => reason::UNDECIDABLE,
    };
    finding(DELIVERED_COMPLIES, status, reason, message)
}

/// What ran before was replaced.
pub fn replaced(message: String) -> Finding {
    let complies = ConditionStatus::True;
    finding(DELIVERED_COMPLIES, complies, reason::REPLACED, message)
}

/// A better decision waits.
pub fn better_recommendation_available(message: String) -> Finding {
    let status = ConditionStatus::True;
    finding(
        BETTER_RECOMMENDATION_AVAILABLE,
        status,
        reason::PROPOSED,
        message,
    )
}

/// A gated model's pods could not fetch it.
pub fn gated_model_needs_token(message: String) -> Vec<Finding> {
    not_delivered(stalled(reason::GATED_MODEL_NEEDS_TOKEN, message))
}

/// Somebody else's object has the name of one of ours.
pub fn conflict(message: String) -> Vec<Finding> {
    not_delivered(stalled(reason::CONFLICT, message))
}

/// The API server refuses an object for good.
pub fn delivery_refused(message: String) -> Vec<Finding> {
    not_delivered(stalled(reason::DELIVERY_REFUSED, message))
}

/// A write failed that another attempt may bring about.
pub fn delivery_failed(message: String) -> Vec<Finding> {
    not_delivered(in_progress(reason::DELIVERY_FAILED, message))
}

/// Frozen by a person. Neither in progress nor failed.
pub fn suspended() -> Vec<Finding> {
    let message = "spec.suspend is true: nothing but this status is written";
    not_delivered(vec![finding(
        READY,
        ConditionStatus::False,
        reason::SUSPENDED,
        message,
    )])
}

/// What keeps the intent from being Ready is that it was not delivered.
fn not_delivered(mut findings: Vec<Finding>) -> Vec<Finding> {
    let Finding {
        reason, message, ..
    } = findings[0].clone();
    findings.push(finding(DELIVERED, ConditionStatus::False, reason, message));
    findings
}

/// The ConfigMap was written.
pub fn delivered_rendered(message: String) -> Finding {
    finding(DELIVERED, ConditionStatus::True, reason::RENDERED, message)
}

/// The objects were applied.
pub fn delivered_applied(message: String) -> Finding {
    finding(DELIVERED, ConditionStatus::True, reason::APPLIED, message)
}

/// Nothing could be delivered, and nothing was taken away.
pub fn nothing_to_deliver() -> Finding {
    let message = "there is no answer to deliver; what was delivered before stays";
    finding(
        DELIVERED,
        ConditionStatus::False,
        reason::NO_ANSWER,
        message,
    )
}

/// What runs, or would run, is not what was benchmarked.
pub fn prediction_does_not_hold(message: String) -> Finding {
    finding(
        PREDICTION_HOLDS,
        ConditionStatus::False,
        reason::OVERRIDES_CONTRADICT_EVIDENCE,
        message,
    )
}

/// The knowledge base was read.
pub fn evidence_current() -> Finding {
    let message = "the answer rests on what the knowledge base holds now";
    finding(
        EVIDENCE_CURRENT,
        ConditionStatus::True,
        reason::READ,
        message,
    )
}

/// The knowledge base cannot be read; what was answered before stays.
pub fn evidence_outdated(message: String) -> Finding {
    finding(
        EVIDENCE_CURRENT,
        ConditionStatus::False,
        reason::KNOWLEDGE_BASE_UNAVAILABLE,
        message,
    )
}

/// The knowledge base cannot be read, and this generation was never answered.
pub fn unanswered(message: String) -> Finding {
    finding(
        READY,
        ConditionStatus::Unknown,
        reason::KNOWLEDGE_BASE_UNAVAILABLE,
        message,
    )
}
