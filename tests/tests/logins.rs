//! The records of logins: `init` and `initctl` write the same files.

use uphold_initctl::utmp;
use uphold_linux::output::login_records;

#[test]
fn init_and_initctl_agree_on_what_a_record_is() {
    assert_eq!((login_records::RECORD, login_records::TIME), (utmp::SIZE, utmp::SECONDS));
}
