//! The texts of questions to the rollups, and the spans that they are about.

use iron_primitives::Timestamp;
use iron_store::{Statement, sql_per_engine};

use super::queries::Spread;
use crate::usage::{DAY_SECONDS, HOUR_SECONDS, MICROS, floor};

/// A question with `$1` the pieces of time, `$2` the tenant, `$3` to `$5` the dimensions, and then
/// the filters. The words `CROSS JOIN` make SQLite take the pieces first, and look each up by key.
macro_rules! over_pieces {
    ($columns:literal, $group:literal) => {
        over_pieces!("", "", $columns, $group)
    };
    ($sqlite:literal, $postgres:literal, $columns:literal, $group:literal) => {
        sql_per_engine(
            concat!(
                $sqlite,
                "WITH pieces AS (SELECT json_extract(value, '$[0]') AS slot, \
                 json_extract(value, '$[1]') AS bucket_seconds, \
                 json_extract(value, '$[2]') AS begins_at, \
                 json_extract(value, '$[3]') AS ends_at FROM json_each($1)) ",
                over_pieces!(@select $columns, $group)
            ),
            concat!(
                $postgres,
                "WITH pieces AS (SELECT CAST(piece ->> 0 AS BIGINT) AS slot, \
                 CAST(piece ->> 1 AS BIGINT) AS bucket_seconds, \
                 CAST(piece ->> 2 AS BIGINT) AS begins_at, \
                 CAST(piece ->> 3 AS BIGINT) AS ends_at \
                 FROM jsonb_array_elements(CAST($1 AS JSONB)) AS piece) ",
                over_pieces!(@select $columns, $group)
            ),
        )
    };
    (@select $columns:literal, $group:literal) => {
        concat!(
            "SELECT pieces.slot AS slot, ",
            over_pieces!(@dimension "$3"), " AS one, ",
            over_pieces!(@dimension "$4"), " AS two, ",
            over_pieces!(@dimension "$5"), " AS three, ",
            $columns,
            " FROM pieces CROSS JOIN rollups \
             JOIN rollup_dimensions ON rollup_dimensions.id = rollups.dimensions_id \
             WHERE rollups.tenant_id = $2 AND rollups.bucket_seconds = pieces.bucket_seconds \
             AND rollups.starts_at >= pieces.begins_at AND rollups.starts_at < pieces.ends_at \
             AND rollup_dimensions.tenant_id = $2 \
             AND ($6 IS NULL OR agent_id = $6) AND ($7 IS NULL OR provider_id = $7) \
             AND ($8 IS NULL OR project_id = $8) AND ($9 IS NULL OR user_id = $9) \
             AND ($10 IS NULL OR team_id = $10) AND ($11 IS NULL OR model = $11) \
             AND ($12 IS NULL OR outcome = $12 OR ($12 = 'failed' AND outcome <> 'completed')) AND ($13 IS NULL OR operation = $13) \
             AND ($14 IS NULL OR environment = $14) AND ($15 IS NULL OR user_id = $15) \
             AND ($16 IS NULL OR (team_id <> '' AND $16 LIKE '%' || team_id || '%')) ",
            $group
        )
    };
    (@dimension $parameter:literal) => {
        concat!(
            "CASE ", $parameter, " WHEN 'agent' THEN agent_id WHEN 'user' THEN user_id \
             WHEN 'team' THEN team_id WHEN 'project' THEN project_id \
             WHEN 'environment' THEN environment WHEN 'provider' THEN provider_id \
             WHEN 'model' THEN model WHEN 'operation' THEN operation \
             WHEN 'outcome' THEN outcome WHEN 'error_type' THEN error_type \
             WHEN 'tenant' THEN rollup_dimensions.tenant_id ELSE '' END"
        )
    };
}

pub(super) fn sums() -> Statement {
    over_pieces!(
        "CAST(SUM(requests) AS BIGINT) AS requests, \
         CAST(SUM(CASE outcome WHEN 'completed' THEN 0 ELSE requests END) AS BIGINT) AS failures, \
         CAST(SUM(cost_nanos) AS BIGINT) AS cost_nanos, MIN(least_nanos) AS least_nanos, \
         MAX(most_nanos) AS most_nanos, CAST(SUM(input_tokens) AS BIGINT) AS input_tokens, \
         CAST(SUM(cached_tokens) AS BIGINT) AS cached_tokens, \
         CAST(SUM(output_tokens) AS BIGINT) AS output_tokens, \
         CAST(SUM(reasoning_tokens) AS BIGINT) AS reasoning_tokens, \
         MIN(first_at) AS first_at, MAX(last_at) AS last_at",
        "GROUP BY 1, 2, 3, 4"
    )
}

pub(super) fn spreads(of: Spread) -> Statement {
    match of {
        Spread::Costs => over_pieces!("costs AS spread", "AND costs <> ''"),
        Spread::Durations => over_pieces!("durations AS spread", "AND durations <> ''"),
    }
}

/// The spans, cut into days and hours, as JSON: `[slot, bucket_seconds, from, until]`.
pub(super) fn pieces(slots: &[(Timestamp, Timestamp)]) -> String {
    let mut pieces: Vec<(usize, i64, i64, i64)> = Vec::new();
    for (slot, (start, end)) in slots.iter().enumerate() {
        let (start, end) = (ceil(*start, HOUR_SECONDS), ceil(*end, HOUR_SECONDS));
        let first_day = ceil(Timestamp::from_micros(start), DAY_SECONDS);
        let last_day = floor(end, DAY_SECONDS);
        let cut = if first_day < last_day {
            [
                (HOUR_SECONDS, start, first_day),
                (DAY_SECONDS, first_day, last_day),
                (HOUR_SECONDS, last_day, end),
            ]
        } else {
            let nothing = (DAY_SECONDS, end, end);
            [(HOUR_SECONDS, start, end), nothing, nothing]
        };
        let some = cut.into_iter().filter(|(_, from, until)| from < until);
        pieces.extend(some.map(|(seconds, from, until)| (slot, seconds, from, until)));
    }
    serde_json::to_string(&pieces).unwrap_or_default()
}

/// The first begin of a bucket that is not before an instant.
fn ceil(at: Timestamp, bucket_seconds: i64) -> i64 {
    let bucket = bucket_seconds.saturating_mul(MICROS);
    floor(at.micros().saturating_add(bucket - 1), bucket_seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    iron_store::both_engines! {
        async fn a_question_reads_no_more_than_the_spans_it_asks_for(db: iron_store::Db) {
            db.migrate(&[crate::MIGRATIONS]).await.unwrap();
            // Two hundred thousand calls: two tenants, two hundred hours, fifty agents, ten calls each.
            sql_per_engine(
                "WITH RECURSIVE numbers (number) AS (SELECT 0 UNION ALL SELECT number + 1 FROM numbers WHERE number < 19999) \
                 INSERT INTO rollups SELECT 'tenant ' || (number % 2), 3600, (number / 100) * 3600000000, \
                 number % 100, 10, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, '300:10', '300:10' FROM numbers",
                "INSERT INTO rollups SELECT 'tenant ' || (number % 2), 3600, (number / 100) * 3600000000, \
                 number % 100, 10, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, '300:10', '300:10' FROM generate_series(0, 19999) AS numbers (number)",
            ).execute(&db).await.unwrap();
            iron_store::sql("ANALYZE").execute(&db).await.unwrap();
            let slots = [(Timestamp::from_micros(0), Timestamp::from_micros(5 * HOUR_SECONDS * MICROS))];
            let mut explained = over_pieces!(
                "EXPLAIN QUERY PLAN ", "EXPLAIN ", "CAST(SUM(requests) AS BIGINT) AS requests", "GROUP BY 1, 2, 3, 4"
            ).bind(pieces(&slots)).bind("tenant 1").bind("agent").bind("").bind("");
            for _ in 6..=16 {
                explained = explained.bind(None::<String>);
            }
            let rows = explained.fetch_all(&db).await.unwrap();
            let column = if db.engine() == iron_store::Engine::Sqlite { "detail" } else { "QUERY PLAN" };
            let plan: Vec<String> = rows.iter().map(|row| row.get(column).unwrap()).collect();
            let plan = plan.join("\n");
            let by_key = plan.contains("SEARCH rollups USING") || plan.contains("rollups_pkey on rollups") || plan.contains("Bitmap Index Scan on rollups_pkey");
            assert!(by_key && !plan.contains("Seq Scan on rollups "), "{plan}");
        }
    }

    #[test]
    fn whole_days_are_read_as_such_and_the_rest_by_the_hour() {
        let micros = |text| at(text).micros();
        let asked = [
            (at("2026-07-01T22:00:00Z"), at("2026-07-03T22:00:00Z")),
            (at("2026-07-03T22:00:00Z"), at("2026-07-03T23:30:00Z")),
            (at("2026-07-03T23:30:00Z"), at("2026-07-06T00:00:00Z")),
        ];
        let cut: Vec<(usize, i64, i64, i64)> = serde_json::from_str(&pieces(&asked)).unwrap();
        let day = |slot, from, until| (slot, DAY_SECONDS, micros(from), micros(until));
        let hour = |slot, from, until| (slot, HOUR_SECONDS, micros(from), micros(until));
        let expected = [
            hour(0, "2026-07-01T22:00:00Z", "2026-07-02T00:00:00Z"),
            day(0, "2026-07-02T00:00:00Z", "2026-07-03T00:00:00Z"),
            hour(0, "2026-07-03T00:00:00Z", "2026-07-03T22:00:00Z"),
            // An hour counts for the span in which it begins.
            hour(1, "2026-07-03T22:00:00Z", "2026-07-04T00:00:00Z"),
            day(2, "2026-07-04T00:00:00Z", "2026-07-06T00:00:00Z"),
        ];
        assert_eq!(cut, expected);
    }
}
