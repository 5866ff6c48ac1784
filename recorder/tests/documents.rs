//! The guide has every option of the recorder.

use clap::CommandFactory;
use tensorscope_record::args::Arguments;

#[test]
fn the_guide_has_every_option() {
    let guide = include_str!("../../docs/recording.md");
    for argument in Arguments::command().get_arguments() {
        let Some(long) = argument.get_long() else { continue };
        assert!(guide.contains(&format!("`--{long}`")), "docs/recording.md lacks --{long}");
        if let Some(short) = argument.get_short() {
            assert!(guide.contains(&format!("`-{short}`")), "docs/recording.md lacks -{short}");
        }
    }
}
