//! A question as the query of an address: each parameter is a field of the intent by its path, such
//! as `slo.ttftP95Ms=120`, so that a bookmark holds the whole question.

use std::collections::BTreeMap;

use form_urlencoded::Serializer;
use serde_json::{Map, Value};

use crate::api::{DecimalAmount, DeploymentIntent, InvalidIntent, validate_intent};
use crate::catalog::UseCase;

/// How a field's value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Written {
    Text,
    Whole,
    Amount,
    /// More than one, each as a parameter of its own or parted by commas.
    Names,
}

/// The parameters of a question, in the order of the intent's fields. Below `spec`, but for the
/// first two.
const FIELDS: &[(&str, Written)] = &[
    ("name", Written::Text),
    ("namespace", Written::Text),
    ("useCase", Written::Text),
    ("experienceClass", Written::Text),
    ("trafficProfile.promptTokens", Written::Whole),
    ("trafficProfile.outputTokens", Written::Whole),
    ("slo.ttftP95Ms", Written::Whole),
    ("slo.itlP95Ms", Written::Whole),
    ("slo.e2eP95Ms", Written::Whole),
    ("demand.requestsPerSecond", Written::Amount),
    ("demand.users", Written::Whole),
    ("demand.activeFraction", Written::Amount),
    ("demand.requestsPerActiveUserPerMinute", Written::Amount),
    ("demand.peakMultiplier", Written::Amount),
    ("demand.headroomPercent", Written::Whole),
    ("demand.spareReplicas", Written::Whole),
    ("models.allow", Written::Names),
    ("models.deny", Written::Names),
    ("models.minimumQuality", Written::Whole),
    ("hardware.allow", Written::Names),
    ("hardware.deny", Written::Names),
    ("hardware.maxGpus", Written::Whole),
    ("hardware.maxCostPerHour", Written::Amount),
    ("evidence.minimum", Written::Text),
    ("evidence.maxAgeDays", Written::Whole),
    ("evidence.marginPercent", Written::Whole),
    ("evidence.minimumServedPercent", Written::Whole),
    ("evidence.allow", Written::Names),
    ("objective", Written::Text),
    ("delivery.mode", Written::Text),
];

/// Where an intent has no namespace; `compass render` takes the same.
const NAMESPACE: &str = "default";

/// What somebody asks, as they wrote it: it may break the rules of the API.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Question {
    values: BTreeMap<&'static str, Vec<String>>,
}

/// What is wrong with a question, by field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Problems(Vec<(String, String)>);

impl Problems {
    /// What is wrong with the field, or with one below it.
    pub(super) fn of(&self, path: &str) -> Option<&str> {
        let is_at = |field: &str| {
            let rest = field.strip_prefix(path);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let found = self.0.iter().find(|(field, _)| is_at(field));
        found.map(|(_, problem)| problem.as_str())
    }

    /// Each field and what is wrong with it; the field is empty for the whole.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(field, problem)| (&**field, &**problem))
    }
}

impl Question {
    /// What a query asks; parameters that are no field are somebody else's.
    pub(super) fn parse(query: &str) -> Self {
        let mut question = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if let Some(field) = FIELDS.iter().find(|(path, _)| *path == name) {
                question.add(*field, &value);
            }
        }
        question
    }

    /// What an intent asks.
    pub(super) fn of(intent: &DeploymentIntent) -> Self {
        let mut question = Self::default();
        let spec = serde_json::to_value(&intent.spec).unwrap_or_default();
        let metadata = &intent.metadata;
        for field in FIELDS {
            let value = match field.0 {
                "name" => Value::from(metadata.name.clone()),
                "namespace" => Value::from(metadata.namespace.clone()),
                path => at(&spec, path).cloned().unwrap_or_default(),
            };
            match value {
                Value::Array(names) => {
                    for name in names.iter().filter_map(Value::as_str) {
                        question.add(*field, name);
                    }
                }
                Value::String(text) => question.add(*field, &text),
                Value::Number(number) => question.add(*field, &number.to_string()),
                _ => {}
            }
        }
        question
    }

    fn add(&mut self, (path, written): (&'static str, Written), value: &str) {
        let parts = match written {
            Written::Names => value.split(',').collect(),
            _ => vec![value],
        };
        for part in parts.into_iter().map(str::trim).filter(|it| !it.is_empty()) {
            let values = self.values.entry(path).or_default();
            let is_new = match written {
                Written::Names => !values.iter().any(|value| value == part),
                _ => values.is_empty(),
            };
            if is_new {
                values.push(part.to_owned());
            }
        }
    }

    /// What is written in a field; nothing where it is empty.
    pub(super) fn get(&self, path: &str) -> &str {
        self.all(path).first().map_or("", String::as_str)
    }

    /// Everything that is written in a field of names.
    pub(super) fn all(&self, path: &str) -> &[String] {
        self.values.get(path).map_or(&[], Vec::as_slice)
    }

    /// The same question of another use case. What was said of the first one's targets and requests
    /// says nothing of the other.
    pub(super) fn of_use_case(&self, use_case: UseCase) -> Self {
        let mut other = self.clone();
        let is_the_first_ones = |path: &str| {
            let parts = ["name", "experienceClass", "trafficProfile.", "slo."];
            parts.iter().any(|part| path.starts_with(part)) && path != "namespace"
        };
        other.values.retain(|path, _| !is_the_first_ones(path));
        other
            .values
            .insert("useCase", vec![use_case.as_str().to_owned()]);
        other
    }

    /// The query that asks it.
    pub(super) fn query(&self) -> String {
        let mut query = Serializer::new(String::new());
        for (path, _) in FIELDS {
            for value in self.all(path) {
                query.append_pair(path, value);
            }
        }
        query.finish()
    }

    /// Whether a use case is chosen.
    pub(super) fn is_asked(&self) -> bool {
        !self.get("useCase").is_empty()
    }

    /// The namespace of its intent.
    pub(super) fn namespace(&self) -> &str {
        match self.get("namespace") {
            "" => NAMESPACE,
            namespace => namespace,
        }
    }

    /// The name of its intent.
    pub(super) fn name(&self) -> String {
        match self.get("name") {
            "" => self.get("useCase").replace('_', "-"),
            name => name.to_owned(),
        }
    }

    /// The intent, if the API server would take it.
    pub(super) fn intent(&self) -> Result<DeploymentIntent, Problems> {
        let mut spec = Map::new();
        let mut problems = Problems::default();
        for (path, written) in FIELDS {
            let values = self.all(path);
            if values.is_empty() || ["name", "namespace"].contains(path) {
                continue;
            }
            match value(*written, values) {
                Ok(value) => set(&mut spec, path, value),
                Err(problem) => problems.0.push(((*path).to_owned(), problem)),
            }
        }
        let mut metadata = Map::from_iter([("name".to_owned(), Value::from(self.name()))]);
        if !self.get("namespace").is_empty() {
            metadata.insert("namespace".to_owned(), self.get("namespace").into());
        }
        let document = serde_json::json!({
            "apiVersion": "compass.dev/v1alpha1", "kind": "DeploymentIntent",
            "metadata": metadata, "spec": spec,
        });
        if !problems.0.is_empty() {
            return Err(problems);
        }
        validate_intent(document).map_err(|invalid| match invalid {
            InvalidIntent::Rules(rules) => Problems(
                rules
                    .into_iter()
                    .map(|rule| {
                        let field = rule.field.trim_start_matches("metadata.");
                        let field = field.trim_start_matches("spec").trim_start_matches('.');
                        (field.to_owned(), rule.problem)
                    })
                    .collect(),
            ),
            other => Problems(vec![(String::new(), other.to_string())]),
        })
    }
}

/// A field's value as the API takes it. What is no number stays text, and the API says so.
fn value(written: Written, values: &[String]) -> Result<Value, String> {
    let first = || values[0].as_str();
    Ok(match written {
        Written::Text => first().into(),
        Written::Whole => first()
            .replace(',', "")
            .parse::<i64>()
            .map_err(|_| format!("`{}` is no whole number", first()))?
            .into(),
        Written::Amount => {
            first().parse::<DecimalAmount>()?;
            first().into()
        }
        Written::Names => values.into(),
    })
}

fn at<'a>(spec: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(spec, |value, key| value.get(key))
}

fn set(spec: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('.') {
        None => {
            spec.insert(path.to_owned(), value);
        }
        Some((part, path)) => {
            let part = spec.entry(part).or_insert_with(|| Map::new().into());
            if let Value::Object(part) = part {
                set(part, path, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::parse_intent;

    const EVERYTHING: &str = "name=chat&namespace=assistants&useCase=custom&experienceClass=instant\
        &trafficProfile.promptTokens=512&trafficProfile.outputTokens=256&slo.ttftP95Ms=120\
        &slo.itlP95Ms=20&slo.e2eP95Ms=5000&demand.users=800&demand.activeFraction=0.2\
        &demand.requestsPerActiveUserPerMinute=1.5&demand.peakMultiplier=2&demand.headroomPercent=30\
        &demand.spareReplicas=1&models.allow=Qwen%2FQwen3-32B&models.allow=a%2Fb&models.deny=c%2Fd\
        &models.minimumQuality=60&hardware.allow=H100&hardware.deny=NVIDIA+L40S&hardware.maxGpus=16\
        &hardware.maxCostPerHour=80.5&evidence.minimum=measured&evidence.maxAgeDays=365\
        &evidence.marginPercent=5&evidence.minimumServedPercent=95&evidence.allow=ClosedLoop\
        &objective=Latency&delivery.mode=Apply";

    #[test]
    fn an_address_holds_the_whole_question_both_ways() {
        let question = Question::parse(EVERYTHING);
        assert_eq!(question.query(), EVERYTHING);
        let intent = question.intent().unwrap();
        assert_eq!(Question::of(&intent), question);
    }

    #[test]
    fn a_question_is_the_intent_of_the_same_fields() {
        let question = Question::parse(
            "useCase=chatbot_conversational&slo.ttftP95Ms=120&demand.requestsPerSecond=0.5&models.allow=a/b,+c/d",
        );
        let intent = parse_intent(
            "apiVersion: compass.dev/v1alpha1\nkind: DeploymentIntent\nmetadata: {name: chatbot-conversational}\n\
             spec: {useCase: chatbot_conversational, slo: {ttftP95Ms: 120}, \
             demand: {requestsPerSecond: \"0.5\"}, models: {allow: [a/b, c/d]}}",
        );
        assert_eq!(question.intent().unwrap(), intent.unwrap());
    }

    #[test]
    fn empty_and_foreign_parameters_ask_nothing() {
        let question = Question::parse("useCase=translation&slo.ttftP95Ms=&models.allow=+&view=x");
        assert_eq!(question.query(), "useCase=translation");
        assert!(question.intent().is_ok());
        assert!(!Question::parse("").is_asked());
    }

    #[test]
    fn what_breaks_a_rule_is_told_at_its_field() {
        let problem = |query: &str, path: &str| {
            let problems = Question::parse(query).intent().unwrap_err();
            problems.of(path).map(str::to_owned)
        };
        for (query, path, part) in [
            ("useCase=chat", "useCase", "did you mean"),
            (
                "useCase=translation&slo.ttftP95Ms=0",
                "slo.ttftP95Ms",
                "minimum",
            ),
            (
                "useCase=translation&slo.ttftP95Ms=fast",
                "slo.ttftP95Ms",
                "no whole number",
            ),
            (
                "useCase=translation&demand.requestsPerSecond=-1",
                "demand.requestsPerSecond",
                "-1",
            ),
            (
                "useCase=translation&demand.requestsPerSecond=1&demand.users=5",
                "demand",
                "not both",
            ),
            ("useCase=translation&name=A+b", "", "metadata.name must be"),
            ("useCase=custom", "", "trafficProfile"),
        ] {
            let found = problem(query, path);
            assert!(
                found.as_ref().is_some_and(|it| it.contains(part)),
                "{query}: {found:?}"
            );
        }
    }

    #[test]
    fn another_use_case_brings_its_own_targets() {
        let asked =
            "useCase=translation&slo.ttftP95Ms=120&demand.requestsPerSecond=2&hardware.allow=H100";
        let other = Question::parse(asked).of_use_case(UseCase::CodeCompletion);
        assert_eq!(
            other.query(),
            "useCase=code_completion&demand.requestsPerSecond=2&hardware.allow=H100"
        );
    }
}
