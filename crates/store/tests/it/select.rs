//! Lists composed at run time.

use iron_store::{Db, Page, Select, Sort, UnknownSort, both_engines, sql};
use proptest::prelude::*;

async fn people(db: &Db) {
    let mut tx = db.begin().await.unwrap();
    sql("CREATE TABLE people (id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, seen BIGINT)")
        .execute(&mut tx)
        .await
        .unwrap();
    for (id, name, seen) in [
        ("1", "Anna", Some(5_i64)),
        ("2", "Hannah", None),
        ("3", "100% Otto", Some(5)),
        ("4", "under_score", Some(1)),
        ("5", "bang!", None),
    ] {
        sql("INSERT INTO people (id, name, seen) VALUES ($1, $2, $3)")
            .bind(id)
            .bind(name)
            .bind(seen)
            .execute(&mut tx)
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
}

async fn ids(select: Select, db: &Db) -> Vec<String> {
    select
        .statement()
        .fetch_all(db)
        .await
        .unwrap()
        .iter()
        .map(|row| row.get("id").unwrap())
        .collect()
}

fn all() -> Select {
    Select::new("id", "people")
}

both_engines! {
    async fn a_text_filter_finds_substrings_in_any_case_and_takes_wildcards_literally(db: Db) {
        people(&db).await;
        let found = |text: &'static str| all().filter_contains("name", text).sort(Sort::ascending("id"), "id");
        assert_eq!(ids(found("ANNA"), &db).await, ["1", "2"]);
        assert_eq!(ids(found("0%"), &db).await, ["3"]);
        assert_eq!(ids(found("%"), &db).await, ["3"]);
        assert_eq!(ids(found("_"), &db).await, ["4"]);
        assert_eq!(ids(found("!"), &db).await, ["5"]);
        assert!(ids(found("' OR 1=1 --"), &db).await.is_empty());
    }

    async fn filters_narrow_the_list_and_an_empty_choice_matches_nothing(db: Db) {
        people(&db).await;
        let some = all().filter_some("seen = ?", Some(5_i64)).filter_in("id", &["1", "2"]);
        assert_eq!(ids(some, &db).await, ["1"]);
        assert_eq!(ids(all().filter_some("seen = ?", None::<i64>), &db).await.len(), 5);
        assert!(ids(all().filter_in::<String>("id", &[]), &db).await.is_empty());
        assert_eq!(ids(all().filter_fixed("seen IS NULL"), &db).await.len(), 2);
    }

    async fn missing_values_sort_lowest_and_ties_by_id_on_both_engines(db: Db) {
        people(&db).await;
        let up = all().sort(Sort::ascending("seen"), "id");
        assert_eq!(ids(up, &db).await, ["2", "5", "4", "1", "3"]);
        let down = all().sort(Sort::descending("seen"), "id");
        assert_eq!(ids(down, &db).await, ["3", "1", "4", "5", "2"]);
    }

    async fn pages_cover_the_list_once_and_a_page_past_the_end_is_empty(db: Db) {
        people(&db).await;
        let mut seen = Vec::new();
        for page in 1..=4 {
            let part = all().sort(Sort::ascending("id"), "id")
                .fetch_page(&db, Page { page, per_page: 2 }).await.unwrap();
            assert_eq!(part.total, 5);
            seen.extend(part.map(|row| row.get::<String>("id").unwrap()).items);
        }
        assert_eq!(seen, ["1", "2", "3", "4", "5"]);
    }
}

#[test]
fn only_the_allowed_fields_sort() {
    const ALLOWED: &[(&str, &str)] = &[("name", "p.name"), ("created_at", "p.created_at")];
    assert_eq!(
        Sort::parse("-name", ALLOWED),
        Ok(Sort::descending("p.name"))
    );
    assert_eq!(
        Sort::parse("name; DROP TABLE people", ALLOWED),
        Err(UnknownSort {
            given: "name; DROP TABLE people".to_owned(),
            allowed: vec!["name", "created_at"],
        })
    );
}

proptest! {
    #[test]
    fn no_text_from_outside_ever_reaches_the_statement(text in "\\PC{1,40}", value in "\\PC{1,40}") {
        let with = |text: &str, value: &str| {
            all().filter_contains("name", text).filter("id = ?", value).text()
        };
        prop_assert_eq!(with(&text, &value), with("a", "b"));
    }
}
