//! How little a stream holds back.

use std::sync::Arc;

use iron_guard::{Channel, Filter, Guard, Profile, Pseudonyms};

#[test]
fn ordinary_words_leave_as_they_come() {
    let guard = Arc::new(Guard::new(Profile::default()).expect("a guard"));
    let text = "Well, it is not so easy to say. The capital of France is Paris, and about 2 million \
        people live there; see the report of 2021 for more. First, open the file, then call \
        `parse(x)` and print 42 lines:\n\n```python\nfor i in range(10):\n    print(i)\n```\n";
    let mut filter = Filter::new(guard, Channel::Output);
    let mut pseudonyms = Pseudonyms::default();
    let mut held = Vec::new();
    for word in text.split_inclusive(' ') {
        filter.push(word, &mut pseudonyms);
        held.push(filter.held());
    }
    // The last word could be the first of a name.
    let most = held.iter().max();
    let sum: usize = held.iter().sum();
    assert!(most <= Some(&32) && sum <= 8 * held.len(), "{held:?}");
}
