//! A machine's broken assertion, told as a finding instead of as a torn thread.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic;
use std::sync::Once;

thread_local! {
    /// Whether this thread's panics are findings.
    static CAPTURING: Cell<bool> = const { Cell::new(false) };
    /// Where the last one happened.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// From now on panics inside [`capturing`] are kept instead of printed; all others are printed as ever.
pub(super) fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if CAPTURING.get() {
                let place = info.location().map(|place| format!("{}:{}", place.file(), place.line()));
                PLACE.with_borrow_mut(|kept| *kept = place);
            } else {
                usual(info);
            }
        }));
    });
}

/// Runs something whose panics are findings.
pub(super) fn capturing<T>(work: impl FnOnce() -> T) -> T {
    CAPTURING.set(true);
    let result = work();
    CAPTURING.set(false);
    result
}

/// What a panic says, and where in the code it happened.
pub(super) struct Panicked {
    pub(super) message: String,
    pub(super) place: String,
}

/// Takes in the panic that was captured last.
pub(super) fn told(panic: &(dyn Any + Send)) -> Panicked {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("without a message");
    let place = PLACE.with_borrow_mut(Option::take).unwrap_or_else(|| "an unknown place".to_owned());
    Panicked { message: message.to_owned(), place }
}
