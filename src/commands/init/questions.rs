//! The questions: each is asked on a terminal where no flag answers it; elsewhere it takes its default,
//! and one without a default is told by the flag that answers it.

use std::fmt::Display;
use std::str::FromStr;

use anyhow::Context;
use clap::ValueEnum;
use dialoguer::theme::ColorfulTheme;
use dialoguer::{Confirm, Input, Select};

use super::{Arguments, Mode, default_name, named};
use crate::api::DeploymentIntent;
use crate::catalog::{Catalog, ExperienceClass, SloTargets, UseCase};
use crate::commands::intent::{Wishes, profile};

/// Who is asked.
pub(super) struct Questions<'a> {
    pub(super) catalog: &'a Catalog,
    /// There is a person to ask.
    pub(super) is_asked: bool,
}

impl Questions<'_> {
    /// The intent that the answers stand for.
    ///
    /// # Errors
    /// Names the flags of what is missing.
    pub(super) fn intent(&self, arguments: Arguments) -> anyhow::Result<DeploymentIntent> {
        let use_case = match arguments.use_case {
            Some(use_case) => use_case,
            None => self.choose::<UseCase>("What is the model for?", "--use-case", None)?,
        };
        let mut wishes = arguments.wishes;
        self.workload(use_case, &mut wishes)?;
        if self.is_asked {
            self.demand(use_case, &mut wishes)?;
            self.targets(use_case, &mut wishes)?;
            self.limits(&mut wishes)?;
        }
        let mode = match arguments.mode {
            Some(mode) => mode,
            None => self.choose(
                "What is to become of the answer?",
                "--mode",
                Some(Mode::Render),
            )?,
        };
        let name = match arguments.name {
            Some(name) => name,
            None if self.is_asked => ask("Name of the intent", Some(default_name(use_case)))?,
            None => default_name(use_case),
        };
        let namespace = match arguments.namespace {
            None if self.is_asked => optional::<String>("Its namespace (empty: kubectl's)")?,
            given => given,
        };
        let mut spec = wishes.spec(use_case)?;
        spec.delivery.mode = mode.into();
        Ok(named(&name, namespace, spec))
    }

    /// What a custom workload has no template for.
    fn workload(&self, use_case: UseCase, wishes: &mut Wishes) -> anyhow::Result<()> {
        if use_case != UseCase::Custom {
            return Ok(());
        }
        if wishes.profile.is_none() {
            self.needs("--profile")?;
            let text: String = ask(
                "Tokens of a request, prompt/output",
                Some("512/256".to_owned()),
            )?;
            wishes.profile = Some(profile(&text).map_err(anyhow::Error::msg)?);
        }
        let targets = [wishes.ttft_p95_ms, wishes.itl_p95_ms, wishes.e2e_p95_ms];
        if wishes.experience_class.is_none() && targets.contains(&None) {
            let class = "What do users expect of the answer's pace?";
            wishes.experience_class =
                Some(self.choose::<ExperienceClass>(class, "--experience-class", None)?);
        }
        Ok(())
    }

    fn demand(&self, use_case: UseCase, wishes: &mut Wishes) -> anyhow::Result<()> {
        if wishes.rps.is_some() || wishes.users.is_some() {
            return Ok(());
        }
        let kinds = [
            "requests per second: the highest one-minute mean",
            "people who have access: a rate is derived from them",
            "not known yet: one replica, by cost per capacity",
        ];
        // A custom workload knows nothing of its users' habits.
        let kinds = match use_case {
            UseCase::Custom => &[kinds[0], kinds[2]][..],
            _ => &kinds,
        };
        match kinds[select("How much is asked of it?", kinds, 0)?] {
            kind if kind.starts_with("requests") => {
                wishes.rps = Some(ask("Requests per second", None)?);
            }
            kind if kind.starts_with("people") => wishes.users = Some(ask("People", None)?),
            _ => {}
        }
        Ok(())
    }

    fn targets(&self, use_case: UseCase, wishes: &mut Wishes) -> anyhow::Result<()> {
        let given = [wishes.ttft_p95_ms, wishes.itl_p95_ms, wishes.e2e_p95_ms];
        let template = self
            .catalog
            .use_case(use_case)
            .map(|template| template.slo_targets);
        let Some(template) = template.filter(|_| given == [None; 3]) else {
            return Ok(());
        };
        let SloTargets {
            ttft_p95_ms,
            itl_p95_ms,
            e2e_p95_ms,
        } = template;
        let question = format!(
            "The p95 targets are TTFT {ttft_p95_ms} ms, ITL {itl_p95_ms} ms and E2E {e2e_p95_ms} ms. Other ones?"
        );
        if !confirm(&question)? {
            return Ok(());
        }
        for (name, usual, target) in [
            ("TTFT p95, ms", ttft_p95_ms, &mut wishes.ttft_p95_ms),
            ("ITL p95, ms", itl_p95_ms, &mut wishes.itl_p95_ms),
            ("E2E p95, ms", e2e_p95_ms, &mut wishes.e2e_p95_ms),
        ] {
            // What is as usual is not written, so that it follows the use case.
            *target = Some(ask(name, Some(usual.to_string()))?).filter(|asked| *asked != usual);
        }
        Ok(())
    }

    fn limits(&self, wishes: &mut Wishes) -> anyhow::Result<()> {
        if wishes.allow_model.is_empty() {
            wishes.allow_model = list("Only these models, by repository and comma (empty: any)")?;
        }
        if wishes.allow_hardware.is_empty() {
            let known: Vec<_> = self
                .catalog
                .hardware_names()
                .map(ToString::to_string)
                .collect();
            let question = format!("Only this hardware of {} (empty: any)", known.join(", "));
            wishes.allow_hardware = list(&question)?;
        }
        if wishes.max_gpus.is_none() {
            wishes.max_gpus = optional("Most GPUs over all replicas (empty: any number)")?;
        }
        if wishes.max_cost_per_hour.is_none() {
            wishes.max_cost_per_hour = optional("Most US dollars an hour (empty: any)")?;
        }
        Ok(())
    }

    /// Fails where nobody can be asked.
    fn needs(&self, flag: &str) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.is_asked,
            "{flag} is missing: give it, or answer the questions on a terminal"
        );
        Ok(())
    }

    fn choose<T: ValueEnum>(
        &self,
        question: &str,
        flag: &str,
        default: Option<T>,
    ) -> anyhow::Result<T> {
        if !self.is_asked
            && let Some(default) = default
        {
            return Ok(default);
        }
        self.needs(flag)?;
        let choices: Vec<_> = T::value_variants()
            .iter()
            .filter_map(|choice| Some((choice.clone(), choice.to_possible_value()?)))
            .collect();
        let shown: Vec<_> = choices
            .iter()
            .map(|(_, shown)| match shown.get_help() {
                Some(help) => format!("{}: {help}", shown.get_name()),
                None => shown.get_name().to_owned(),
            })
            .collect();
        let name = |value: &T| value.to_possible_value().map(|it| it.get_name().to_owned());
        let default = default.and_then(|default| name(&default));
        let is_default = |(choice, _): &(T, _)| name(choice) == default;
        let first = choices.iter().position(is_default).unwrap_or(0);
        let chosen = select(question, &shown, first)?;
        Ok(choices[chosen].0.clone())
    }
}

fn select(question: &str, choices: &[impl Display], first: usize) -> anyhow::Result<usize> {
    let theme = ColorfulTheme::default();
    let select = Select::with_theme(&theme)
        .with_prompt(question)
        .items(choices)
        .default(first);
    select
        .interact_opt()?
        .context("nothing was chosen, and nothing is written")
}

fn confirm(question: &str) -> anyhow::Result<bool> {
    let theme = ColorfulTheme::default();
    let confirm = Confirm::with_theme(&theme)
        .with_prompt(question)
        .default(false);
    Ok(confirm.interact()?)
}

fn ask<T: FromStr>(question: &str, default: Option<String>) -> anyhow::Result<T>
where
    T::Err: Display,
{
    let theme = ColorfulTheme::default();
    let text = Input::<String>::with_theme(&theme)
        .with_prompt(question)
        .validate_with(|text: &String| parsed::<T>(text).map(|_| ()));
    let text = match default {
        Some(default) => text.default(default),
        None => text,
    };
    parsed(&text.interact_text()?).map_err(anyhow::Error::msg)
}

fn optional<T: FromStr>(question: &str) -> anyhow::Result<Option<T>>
where
    T::Err: Display,
{
    let theme = ColorfulTheme::default();
    let text = Input::<String>::with_theme(&theme)
        .with_prompt(question)
        .allow_empty(true)
        .validate_with(|text: &String| match text.trim() {
            "" => Ok(()),
            text => parsed::<T>(text).map(|_| ()),
        })
        .interact_text()?;
    match text.trim() {
        "" => Ok(None),
        text => parsed(text).map(Some).map_err(anyhow::Error::msg),
    }
}

fn list(question: &str) -> anyhow::Result<Vec<String>> {
    let names = optional::<String>(question)?.unwrap_or_default();
    let names = names.split(',').map(str::trim);
    Ok(names
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect())
}

fn parsed<T: FromStr>(text: &str) -> Result<T, String>
where
    T::Err: Display,
{
    text.trim()
        .parse()
        .map_err(|error: T::Err| error.to_string())
}
