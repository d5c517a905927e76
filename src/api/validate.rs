//! The API server's rules, held against an intent from a file: the schema and the CEL rules of the
//! generated CRD, so that a pipeline without a cluster refuses what a cluster would refuse.

use std::sync::LazyLock;

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use kube::CustomResourceExt;
use kube::core::cel::{CompiledSchema, Validator, compile_schema};
use serde_json::Value;
use thiserror::Error;

use super::DeploymentIntent;
use crate::benchmark::most_alike;

/// Why a document is no valid `DeploymentIntent`.
#[derive(Debug, Error)]
pub enum InvalidIntent {
    /// It is not YAML, or not one document.
    #[error("not readable as one YAML document: {0}")]
    Yaml(String),
    /// It is something else.
    #[error("expected apiVersion compass.dev/v1alpha1 and kind DeploymentIntent, found {0}")]
    Kind(String),
    /// It breaks rules of the API, each named with its field.
    #[error("the intent is invalid:\n{}", lines(.0))]
    Rules(Vec<BrokenRule>),
}

/// A rule of the API that an intent breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenRule {
    /// The field, e.g. `spec.models.allow.0`; empty for the whole.
    pub field: String,
    /// What is wrong with it.
    pub problem: String,
}

impl std::fmt::Display for BrokenRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.field.as_str() {
            "" => f.write_str(&self.problem),
            field => write!(f, "{field}: {}", self.problem),
        }
    }
}

fn lines(rules: &[BrokenRule]) -> String {
    let lines: Vec<_> = rules.iter().map(|rule| format!("- {rule}")).collect();
    lines.join("\n")
}

/// The intent in a YAML or JSON document, if the API server would take it.
pub fn parse_intent(text: &str) -> Result<DeploymentIntent, InvalidIntent> {
    validate_intent(
        serde_saphyr::from_str(text).map_err(|error| InvalidIntent::Yaml(error.to_string()))?,
    )
}

/// The intent in a JSON value, if the API server would take it.
pub fn validate_intent(document: Value) -> Result<DeploymentIntent, InvalidIntent> {
    let field = |name: &str| {
        document
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or("nothing")
    };
    let (version, kind) = (field("apiVersion"), field("kind"));
    if (version, kind) != ("compass.dev/v1alpha1", "DeploymentIntent") {
        return Err(InvalidIntent::Kind(format!("{version} {kind}")));
    }
    let problems = schema_problems(&document);
    if !problems.is_empty() {
        return Err(InvalidIntent::Rules(problems));
    }
    let broken = Validator::new().validate_compiled(&RULES.cel, &document, None);
    let intent: DeploymentIntent = serde_path_to_error::deserialize(document).map_err(|error| {
        InvalidIntent::Rules(vec![BrokenRule {
            field: error.path().to_string(),
            problem: error.inner().to_string(),
        }])
    })?;
    broken.map_err(|errors| {
        InvalidIntent::Rules(
            errors
                .into_iter()
                .map(|error| BrokenRule {
                    field: error.field_path,
                    problem: error.message,
                })
                .collect(),
        )
    })?;
    Ok(intent)
}

/// The CRD's schema and its CEL rules.
struct Rules {
    schema: jsonschema::Validator,
    cel: CompiledSchema,
}

/// Made once: it takes longer than all else here.
static RULES: LazyLock<Rules> = LazyLock::new(|| {
    let crd = DeploymentIntent::crd();
    let schema = crd.spec.versions[0]
        .schema
        .as_ref()
        .and_then(|schema| schema.open_api_v3_schema.as_ref())
        .map(serde_json::to_value);
    let Some(Ok(mut schema)) = schema else {
        unreachable!("the generated CRD holds a schema")
    };
    let cel = compile_schema(&schema);
    refuse_unknown_fields(&mut schema["properties"]["spec"]);
    Rules {
        schema: jsonschema::validator_for(&schema).expect("the generated schema is valid"),
        cel,
    }
});

fn schema_problems(document: &Value) -> Vec<BrokenRule> {
    RULES
        .schema
        .iter_errors(document)
        .map(|error| {
            let path = error.instance_path().as_str();
            let field = path.trim_start_matches('/').replace('/', ".");
            BrokenRule {
                field: field.replace("~1", "/").replace("~0", "~"),
                problem: problem(&error),
            }
        })
        .collect()
}

/// As `kubectl apply` does: a structural schema by itself lets a field that it does not name pass.
fn refuse_unknown_fields(schema: &mut Value) {
    if let Some(fields) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        fields.values_mut().for_each(refuse_unknown_fields);
        schema["additionalProperties"] = Value::Bool(false);
    } else if let Some(values) = schema.get_mut("additionalProperties") {
        refuse_unknown_fields(values);
    }
    if let Some(items) = schema.get_mut("items") {
        refuse_unknown_fields(items);
    }
}

/// What is wrong with a value. One of few words is told all of them, and which may be meant.
fn problem(error: &ValidationError) -> String {
    let options = match error.kind() {
        ValidationErrorKind::Enum { options } => options,
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            return format!("unknown field {}", unexpected.join(", "));
        }
        _ => return error.to_string(),
    };
    let words: Vec<_> = options
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let given = error.instance();
    let meant = given
        .as_str()
        .and_then(|given| most_alike(given, words.iter().copied()))
        .map_or_else(String::new, |word| format!("; did you mean {word}?"));
    format!("{given} is none of {}{meant}", words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_nearly_right_is_told() {
        let intent = "apiVersion: compass.dev/v1alpha1\nkind: DeploymentIntent\nmetadata: {name: x}\nspec: {useCase: chatbot}";
        let problem = parse_intent(intent).unwrap_err().to_string();
        assert!(
            problem.contains(
                "spec.useCase: \"chatbot\" is none of chatbot_conversational, code_completion,"
            ) && problem.ends_with("; did you mean chatbot_conversational?"),
            "{problem}"
        );
    }

    fn with_runtime(runtime: &str) -> Result<DeploymentIntent, String> {
        parse_intent(&format!(
            "apiVersion: compass.dev/v1alpha1\nkind: DeploymentIntent\nmetadata: {{name: x}}\n\
             spec: {{useCase: translation, models: {{allow: [a/b]}}, runtime: {runtime}}}"
        ))
        .map_err(|error| error.to_string())
    }

    #[test]
    fn a_misspelt_field_of_a_kubernetes_type_is_refused_as_one_of_ours() {
        for (runtime, message) in [
            (
                "{tolerration: []}",
                "spec.runtime: unknown field tolerration",
            ),
            (
                "{env: [{name: A, vaule: b}]}",
                "spec.runtime.env.0: unknown field vaule",
            ),
            (
                "{affinity: {nodeAffinity: {required: {}}}}",
                "spec.runtime.affinity.nodeAffinity: unknown field required",
            ),
            (
                "{volumes: [{name: a, emptyDir: {size: 1Gi}}]}",
                "spec.runtime.volumes.0.emptyDir: unknown field size",
            ),
            (
                "{resources: {limit: {cpu: 1}}}",
                "spec.runtime.resources: unknown field limit",
            ),
            (
                "{tolerations: [{key: 1}]}",
                "spec.runtime.tolerations.0.key: 1 is not",
            ),
            ("{env: [{value: a}]}", "\"name\" is a required property"),
        ] {
            let problem = with_runtime(runtime).unwrap_err();
            assert!(problem.contains(message), "{runtime}: {problem}");
        }
    }

    #[test]
    fn amounts_are_taken_as_numbers_and_as_strings() {
        let intent = with_runtime(
            "{resources: {requests: {cpu: 8, memory: 64Gi}}, volumes: [{name: a, emptyDir: {sizeLimit: 1e9}}], labels: {any.thing/x: z}}",
        )
        .unwrap();
        let runtime = intent.spec.runtime.unwrap();
        let requests = runtime.resources.unwrap().requests;
        assert_eq!((&*requests["cpu"].0, &*requests["memory"].0), ("8", "64Gi"));
    }

    #[test]
    fn a_model_path_serves_the_one_allowed_model() {
        assert!(with_runtime("{modelPath: /models/b}").is_ok());
        let any = "apiVersion: compass.dev/v1alpha1\nkind: DeploymentIntent\nmetadata: {name: x}\n\
                   spec: {useCase: translation, runtime: {modelPath: /models/b}}";
        let problem = parse_intent(any).unwrap_err().to_string();
        assert!(
            problem.contains("models.allow must name exactly"),
            "{problem}"
        );
    }
}
