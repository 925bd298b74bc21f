//! Lists without filters and pages, which are asked for as a whole or by the id of one row.

use super::parameters::{Parameters, WindowTexts, problem};
use super::{ONCE_DOCUMENTED, nothing_found};
use crate::doors::http::problem::Problem;
use crate::limits;
use crate::store::lists::Rows;
use axum::Json;

/// The rows that a request for a list wants: all of them, unless it says how many.
///
/// # Errors
/// If a parameter is unknown or has a value that it does not take.
pub fn wanted(mut parameters: Parameters) -> Result<Rows, Problem> {
    let paged = parameters.has("count");
    let mut window = parameters.take_window(&WindowTexts::USUAL)?;
    if !paged {
        // One more tells whether these are all.
        window.count = limits::PLAIN_LIST_ROWS + 1;
    }
    parameters.ignore(&ONCE_DOCUMENTED);
    parameters.finish()?;
    Ok(Rows::Window(window))
}

/// All rows of a list.
///
/// # Errors
/// If there are more than [`limits::PLAIN_LIST_ROWS`]: a part must not look like the whole.
pub fn complete<L, R: From<L>>(rows: Vec<L>) -> Result<Json<Vec<R>>, Problem> {
    let most = limits::PLAIN_LIST_ROWS;
    if rows.len() as u64 > most {
        return Err(problem(&format!(
            "the list has more than {most} rows; ask for parts by offset and count"
        )));
    }
    Ok(Json(rows.into_iter().map(R::from).collect()))
}

/// The row that was found.
///
/// # Errors
/// 404 if there is none.
pub fn single<L, R: From<L>>(mut rows: Vec<L>) -> Result<Json<R>, Problem> {
    rows.pop().map(|row| Json(row.into())).ok_or_else(nothing_found)
}

/// The module `$module` with the handlers of one list and of its rows. `$fetch` reads `$rows` from
/// `$store`.
macro_rules! plain_list {
    ($module:ident: $list:tt and $one:tt of $row:ty, $summary:literal,
        |$store:ident, $rows:ident| $fetch:expr) => {
        mod $module {
            use super::*;
            use crate::doors::http::problem::{Body, Problem};
            use crate::doors::http::read::HttpDoor;
            use crate::doors::http::read::parameters::{Parameters, id_in_path};
            use crate::doors::http::read::plain_list::{complete, single, wanted};
            use crate::doors::http::slash_optional;
            use crate::store::lists::Rows;
            use axum::Json;
            use axum::extract::{Path, State};
            use utoipa_axum::router::OpenApiRouter;
            use utoipa_axum::routes;

            pub(super) fn routes() -> OpenApiRouter<HttpDoor> {
                slash_optional(routes!(list)).merge(slash_optional(routes!(detail)))
            }

            #[doc = $summary]
            #[utoipa::path(get, path = $list, tag = "reference data",
                operation_id = concat!("list_", stringify!($module)),
                params(
                    ("offset" = Option<u64>, Query, description = "Rows left out"),
                    ("count" = Option<u64>, Query, maximum = 2000, description = "All rows if absent")
                ),
                responses(
                    (status = 200, body = Vec<$row>),
                    (status = 400, description = "A parameter is unknown or has a value that it does not \
                                                  take", body = Body)
                )
            )]
            async fn list(
                State(door): State<HttpDoor>,
                parameters: Parameters,
            ) -> Result<Json<Vec<$row>>, Problem> {
                let ($store, $rows) = (door.gateway.store(), wanted(parameters)?);
                complete($fetch.await?)
            }

            #[doc = concat!($summary, ": one of them")]
            #[utoipa::path(get, path = $one, tag = "reference data",
                operation_id = concat!("get_one_of_", stringify!($module)),
                params(("id" = i64, Path)),
                responses(
                    (status = 200, body = $row),
                    (status = 400, description = "The id is not an integer", body = Body),
                    (status = 404, description = "Nothing has this id", body = Body)
                )
            )]
            async fn detail(
                State(door): State<HttpDoor>,
                Path(id): Path<String>,
            ) -> Result<Json<$row>, Problem> {
                let ($store, $rows) = (door.gateway.store(), Rows::One(id_in_path(&id)?));
                single($fetch.await?)
            }
        }
    };
}
pub(super) use plain_list;
