use std::process::ExitCode;

fn main() -> ExitCode {
    tensorscope::cli::run()
}
