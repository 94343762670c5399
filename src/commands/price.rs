//! `--price`: stores what an hour costs, or says what is stored; the reports count with it.

use super::output::{AnswerForm, AnswerOutput, AnswerResult};
use crate::store::decision::price;
use crate::ui::Complaint;
use axolotl_run_core::judging::summary::price::Price;
use axolotl_run_core::launch::Environment;
use serde_json::json;

/// The word that takes a stored price away.
const NONE: &str = "none";

/// Stores the price that was typed, if one was, and says what is stored now.
pub fn run(
    typed: Option<&str>,
    environment: Environment<'_>,
    answer_output: &mut AnswerOutput,
) -> AnswerResult {
    if let Some(typed) = typed {
        let new_price = (typed != NONE).then_some(typed);
        if new_price.is_some_and(|text| Price::parse(text).is_none()) {
            return Err(Complaint::new(
                format!("`{typed}` is no price"),
                "write what a machine costs an hour as `2.50/h`, what each GPU costs as `$2.50/h/gpu`, or `none`",
            ));
        }
        price::write(environment, new_price)
            .map_err(|problem| Complaint::new(format!("failed to {problem}"), ""))?;
    }
    let stored = price::read(environment);
    if answer_output.form == AnswerForm::Json {
        return answer_output.document(&json!({ "price": stored }));
    }
    let stored = stored.as_deref().unwrap_or("none is stored");
    answer_output.answer(&format!("price  {stored}\n"))
}
