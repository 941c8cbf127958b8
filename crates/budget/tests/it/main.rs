//! The ledger on both engines, alone and together with the wallet.

mod exchange;
mod limits;
mod machine;
mod world;

mod ten_cents;
