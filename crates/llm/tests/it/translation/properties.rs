//! What holds for every answer and every conversation, not just for those in the fixtures.

mod answers;
mod assembly;
mod conversations;
mod digits;
