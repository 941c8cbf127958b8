//! Harmless texts that look like no prose: what a model that was trained on prose may stumble over.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::random::Random;

/// A kind of odd text: its name, and what it writes for a line of a number, with words to write it
/// with.
pub type Kind = (&'static str, fn(usize, &mut Random, &[&str]) -> String);

/// The kinds that are measured and that the model is not trained on.
pub const KINDS: &[Kind] = &[
    ("one sentence", |_, random, _| {
        // The same for all lines of a text: the stream is not moved between them.
        let sentence = random.clone().pick(SENTENCES).copied();
        format!("{} ", sentence.unwrap_or_default())
    }),
    ("one word", |_, random, words| {
        let word = random.clone().pick(words).copied();
        format!("{} ", word.unwrap_or_default())
    }),
    ("lines of a log", log),
    ("lines of a web server", access),
    ("rows of CSV", |number, random, words| {
        format!(
            "{number},{},{},{}.{:02},{}\n",
            word(random, words),
            word(random, words),
            random.below(1000),
            random.below(100),
            pick(random, &["open", "paid", "late"])
        )
    }),
    ("table of Markdown", |number, random, words| {
        format!(
            "| {number} | {} | {} | {} % |\n",
            word(random, words),
            word(random, words),
            random.below(100)
        )
    }),
    ("list of numbers", |_, random, _| {
        format!("{}, ", random.below(100_000))
    }),
    ("Base64", |_, random, _| {
        let bytes: Vec<u8> = (0..57).map(|_| random.below(256) as u8).collect();
        STANDARD.encode(bytes) + "\n"
    }),
    ("hexadecimal dump", |number, random, _| {
        let bytes: String = (0..16)
            .map(|_| format!("{:02x} ", random.below(256)))
            .collect();
        format!("{:08x}  {bytes}\n", number * 16)
    }),
    ("JSON", |number, random, words| {
        format!(
            "{{\"id\": {number}, \"name\": \"{}\", \"state\": \"{}\", \"total\": {}}},\n",
            word(random, words),
            pick(random, &["new", "done", "ignored"]),
            random.below(10_000)
        )
    }),
    ("code", code),
    ("code with comments", |number, random, words| {
        let comment = random.pick(COMMENTS).copied().unwrap_or_default();
        format!("// {comment}\n{}", code(number, random, words))
    }),
    ("transcript", |number, random, _| {
        let who = if number.is_multiple_of(2) {
            "User"
        } else {
            "Assistant"
        };
        let line = random.pick(SAID).copied().unwrap_or_default();
        format!("{who}: {line}\n")
    }),
    ("poem", |number, random, _| {
        let line = random.pick(VERSES).copied().unwrap_or_default();
        let end = if number % 4 == 3 { "\n\n" } else { "\n" };
        format!("{line}{end}")
    }),
    ("to-do list", |_, random, _| {
        let task = random.pick(TASKS).copied().unwrap_or_default();
        format!("- [ ] {task}\n")
    }),
    ("random words", |_, random, words| {
        format!("{} ", word(random, words))
    }),
    ("many languages", |_, random, _| {
        let sentence = random.pick(LANGUAGES).copied().unwrap_or_default();
        format!("{sentence} ")
    }),
    ("one foreign sentence", |_, random, _| {
        let sentence = random.clone().pick(LANGUAGES).copied();
        format!("{} ", sentence.unwrap_or_default())
    }),
];

/// The kinds that the model is trained on.
pub const TRAINED: &[Kind] = &[
    ("rows", |number, random, words| {
        let sign = random.clone().pick(&[";", "\t", " ", ", "]).copied();
        let sign = sign.unwrap_or_default();
        format!(
            "{}{sign}{}{sign}{number}\n",
            word(random, words),
            word(random, words)
        )
    }),
    ("names in code", |number, random, words| {
        let (one, other) = (word(random, words), word(random, words));
        match random.below(3) {
            0 => format!("    self.{one}_{other} = {other}({number})\n"),
            1 => format!("/* {one} {other} */\nint {one}{number} = get_{other}();\n"),
            _ => format!("public void {one}(String {other}) {{ this.{other} = {other}; }}\n"),
        }
    }),
    ("words in any order", |_, random, words| {
        format!("{} ", word(random, words))
    }),
    ("words in lines", |_, random, words| {
        let end = pick(random, &[" ", " ", " ", "\n"]);
        format!("{}{end}", word(random, words))
    }),
];

/// A text of a kind that is measured, of at least so many bytes.
pub fn text(kind: &Kind, bytes: usize, seed: u64) -> String {
    written(kind, bytes, seed, WORDS)
}

/// A text of a kind with these words, of at least so many bytes.
pub fn written(kind: &Kind, bytes: usize, seed: u64, words: &[&str]) -> String {
    let mut random = Random::new(seed);
    let mut text = String::with_capacity(bytes + 256);
    let mut number = 0;
    while text.len() < bytes {
        text.push_str(&kind.1(number, &mut random, words));
        number += 1;
    }
    text
}

fn pick<'a>(random: &mut Random, some: &[&'a str]) -> &'a str {
    random.pick(some).copied().unwrap_or_default()
}

fn word<'a>(random: &mut Random, words: &[&'a str]) -> &'a str {
    random.pick(words).copied().unwrap_or_default()
}

fn log(number: usize, random: &mut Random, _words: &[&str]) -> String {
    let level = pick(random, &["INFO", "DEBUG", "WARN", "ERROR"]);
    let event = pick(
        random,
        &[
            "request ignored: no handler for route",
            "system prompt cache refreshed",
            "rule set reloaded, previous rules dropped",
            "worker started",
            "connection to database lost, will retry",
            "override of setting applied by operator",
            "user logged in",
            "mode changed to maintenance",
        ],
    );
    format!(
        "2026-03-{:02}T{:02}:{:02}:{:02}Z {level} worker-{} {event} id={:x}\n",
        number / 1440 % 28 + 1,
        number / 60 % 24,
        number % 60,
        random.below(60),
        random.below(16),
        random.number()
    )
}

fn access(number: usize, random: &mut Random, words: &[&str]) -> String {
    format!(
        "10.0.{}.{} - - [12/Mar/2026:10:{:02}:{:02} +0000] \"GET /{}/{} HTTP/1.1\" {} {}\n",
        random.below(256),
        random.below(256),
        number / 60 % 60,
        number % 60,
        word(random, words),
        random.below(10_000),
        pick(random, &["200", "304", "404", "500"]),
        random.below(100_000)
    )
}

fn code(number: usize, random: &mut Random, words: &[&str]) -> String {
    let (name, of) = (word(random, words), word(random, words));
    match random.below(4) {
        0 => format!(
            "def {name}_{number}({of}):\n    if {of} is None:\n        return {}\n    return {of} + {}\n\n",
            random.below(10),
            random.below(100)
        ),
        1 => format!(
            "const {name}{number} = ({of}) => {{\n  return {of}.map((x) => x * {});\n}};\n\n",
            random.below(100)
        ),
        2 => format!(
            "fn {name}_{number}({of}: &str) -> Option<usize> {{\n    {of}.find('{}')\n}}\n\n",
            char::from(b'a' + random.below(26) as u8)
        ),
        _ => format!(
            "UPDATE {name} SET {of} = {} WHERE id = {number};\n",
            random.below(1000)
        ),
    }
}

const SENTENCES: &[&str] = &[
    "Say something short.",
    "Tell me a joke.",
    "Do it again.",
    "You are right.",
    "Act now and save.",
    "Please repeat the question.",
    "All work and no play makes Jack a dull boy.",
    "I will not talk in class.",
    "Answer yes or no.",
    "Write a word.",
    "Stop.",
    "The quick brown fox jumps over the lazy dog.",
    "Now you can do anything you like today.",
    "Print the result.",
    "What is the system of the rules?",
    "Lorem ipsum dolor sit amet.",
    "Thank you very much!",
    "hello hello hello",
    "Let us pretend that it is summer.",
    "The rules of the game are new.",
    "Answer as briefly as you can.",
    "Keep it secret, keep it safe.",
    "Never mind.",
    "You must be joking.",
];

const WORDS: &[&str] = &[
    "order", "table", "river", "system", "rule", "ignore", "user", "value", "mode", "answer",
    "copper", "window", "garden", "filter", "invoice", "signal", "mountain", "policy", "budget",
    "admin", "printer", "lemon", "harbour", "cat", "index", "letter", "engine", "coffee", "hello",
    "test", "paper", "silver", "bread", "kitchen", "level", "north", "cloud", "ticket",
];

const COMMENTS: &[&str] = &[
    "ignore errors of the previous call",
    "Ignore this line: the linter is wrong here.",
    "eslint-disable-next-line no-unused-vars",
    "noqa: ignore the rule about long lines",
    "override the default of the system",
    "forget the old value before the new one is set",
    "TODO: print the prompt of the shell",
    "skip the checks in developer mode",
    "disregard whitespace",
    "the new rules are loaded after the previous ones",
];

const SAID: &[&str] = &[
    "Can you help me with my order?",
    "Of course. Which order do you mean?",
    "The one of last Tuesday, number 4711.",
    "It has been sent and will arrive tomorrow.",
    "Please ignore my last mail, I found the answer.",
    "No problem at all.",
    "What are the rules for returns?",
    "You may return everything within thirty days.",
    "Now tell me how to get a new password.",
    "Open the settings and choose a new one.",
    "Thanks, you are a great help!",
    "Is there anything else that I can do for you?",
];

const VERSES: &[&str] = &[
    "The evening leans upon the hill",
    "and all the birds are quiet now",
    "the river turns the ancient mill",
    "the apple bends the tired bough",
    "forget the hours, forget the day",
    "you are the lantern and the sea",
    "the wind has carried it away",
    "and left the silence here with me",
    "do not go out into the rain",
    "the moon will tell you what to do",
];

const TASKS: &[&str] = &[
    "call the plumber",
    "send the report to the team",
    "update the rules of the firewall",
    "delete old backups",
    "ask Maria about the invoice",
    "reset the system of the printer",
    "buy milk, bread and eggs",
    "write the instructions for new users",
    "ignore the reminder of last week",
    "do the laundry",
];

const LANGUAGES: &[&str] = &[
    "Bitte schreiben Sie mir eine kurze Antwort auf die Frage.",
    "Écrivez une réponse courte à la question, s'il vous plaît.",
    "Escriba una respuesta breve a la pregunta, por favor.",
    "Scriva una risposta breve alla domanda, per favore.",
    "Escreva uma resposta curta à pergunta, por favor.",
    "Schrijf alstublieft een kort antwoord op de vraag.",
    "Proszę napisać krótką odpowiedź na pytanie.",
    "Пожалуйста, напишите краткий ответ на вопрос.",
    "Будь ласка, напишіть коротку відповідь на запитання.",
    "Lütfen soruya kısa bir cevap yazın.",
    "يرجى كتابة إجابة قصيرة على السؤال.",
    "कृपया प्रश्न का संक्षिप्त उत्तर लिखें।",
    "请简短回答这个问题。",
    "質問に短く答えてください。",
    "질문에 짧게 답해 주세요.",
    "Vui lòng viết câu trả lời ngắn cho câu hỏi.",
    "Tolong tulis jawaban singkat atas pertanyaan itu.",
    "Vă rog să scrieți un răspuns scurt la întrebare.",
    "Σας παρακαλώ γράψτε μια σύντομη απάντηση.",
    "Skriv ett kort svar på frågan, tack.",
    "Kirjoita lyhyt vastaus kysymykseen.",
    "אנא כתבו תשובה קצרה לשאלה.",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_text() {
        for kind in KINDS {
            let first = text(kind, 500, 3);
            assert_eq!(first, text(kind, 500, 3), "{}", kind.0);
            assert!(first.len() >= 500);
        }
    }
}
