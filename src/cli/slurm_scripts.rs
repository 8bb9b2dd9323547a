//! The three files of a Slurm job: an array of shards, a merge that depends on it, and what submits both. Text only; nothing is written here.

use std::fmt::Write as _;

/// What the files are about. Nothing in it has a line break or another control character.
pub struct SlurmJob<'a> {
    /// This program.
    pub program: &'a str,
    /// Where names and paths of study and models are meant.
    pub working_directory: &'a str,
    /// An absolute path.
    pub folder: &'a str,
    pub study: &'a str,
    /// Each with the name of its folder.
    pub models: &'a [(String, String)],
    pub shard_count: usize,
    /// For `respondent run`.
    pub run_options: &'a [String],
    /// `#SBATCH` options of a shard, as they are meant: not quoted.
    pub shard_directives: &'a [String],
    /// `#SBATCH` options of the merge.
    pub merge_directives: &'a [String],
    /// Most shards at once.
    pub at_once: Option<u32>,
}

impl SlurmJob<'_> {
    /// One task for each shard of each model. A task that is started again goes on where it ended.
    pub fn shards(&self) -> String {
        let rows = self.models.len() * self.shard_count;
        let at_once = self.at_once.map_or(String::new(), |count| format!("%{count}"));
        let mut text = self.head("shards", &format!("1-{rows}{at_once}"), self.shard_directives);
        let folder = quoted(self.folder);
        let _ = write!(
            text,
            "models=({})\nnames=({})\nshards={}\n\
             row=$(( (SLURM_ARRAY_TASK_ID - 1) / shards ))\n\
             shard=$(( (SLURM_ARRAY_TASK_ID - 1) % shards + 1 ))\n\
             exec {} run {} --model \"${{models[row]}}\" --shard \"$shard/$shards\" \\\n    \
             --out {folder}/\"${{names[row]}}/shard-$shard\" --or-resume \\\n    \
             --threads \"${{SLURM_CPUS_PER_TASK:-1}}\" --quiet",
            self.list(|(model, _)| model),
            self.list(|(_, name)| name),
            self.shard_count,
            quoted(self.program),
            quoted(self.study),
        );
        for option in self.run_options {
            let _ = write!(text, " {}", quoted(option));
        }
        text + "\n"
    }

    /// One task for each model.
    pub fn merge(&self) -> String {
        let mut text = self.head("merge", &format!("1-{}", self.models.len()), self.merge_directives);
        let _ = write!(
            text,
            "models=({})\nnames=({})\n\
             model=${{models[SLURM_ARRAY_TASK_ID - 1]}}\n\
             cd -- {}/\"${{names[SLURM_ARRAY_TASK_ID - 1]}}\"\n\
             if [ -e run/manifest.json ]; then echo \"merged already\"; exit 0; fi\n\
             here=$PWD\n\
             rm -rf -- run.unfinished\n\
             cd -- {}\n\
             {} merge \"$here\"/shard-* --model \"$model\" --out \"$here/run.unfinished\" \\\n    \
             --threads \"${{SLURM_CPUS_PER_TASK:-1}}\" --quiet\n\
             mv -- \"$here/run.unfinished\" \"$here/run\"\n",
            self.list(|(model, _)| model),
            self.list(|(_, name)| name),
            quoted(self.folder),
            quoted(self.working_directory),
            quoted(self.program),
        );
        text
    }

    /// Submits both. To be run again after a failure: what is finished is found finished.
    pub fn submit(&self) -> String {
        let folder = quoted(self.folder);
        format!(
            "#!/usr/bin/env bash\n\
             # Submits the shards, and the merge for when all of them are done. Run it again after a failure or a time limit: what is finished\n\
             # is found finished, and the rest goes on where it ended.\n\
             set -euo pipefail\n\
             shards=$(sbatch --parsable {folder}/shards.sbatch)\n\
             merge=$(sbatch --parsable --dependency=\"afterok:${{shards%%;*}}\" --kill-on-invalid-dep=yes {folder}/merge.sbatch)\n\
             echo \"shards: job ${{shards%%;*}}, merge: job ${{merge%%;*}}; logs in \"{folder}/logs\n"
        )
    }

    fn head(&self, what: &str, array: &str, directives: &[String]) -> String {
        let log = format!("{}/logs/{what}-", self.folder).replace('%', "%%");
        let mut text = format!(
            "#!/usr/bin/env bash\n\
             #SBATCH --job-name={}\n\
             #SBATCH --array={array}\n\
             #SBATCH --chdir={}\n\
             #SBATCH --output={}\n\
             #SBATCH --open-mode=append\n\
             #SBATCH --nodes=1\n\
             #SBATCH --ntasks=1\n\
             #SBATCH --requeue\n",
            in_directive(&format!("respondent-{what}")),
            in_directive(self.working_directory),
            in_directive(&format!("{log}%a.log")),
        );
        for directive in directives {
            let _ = writeln!(text, "#SBATCH {}", quoted_directive(directive));
        }
        text + "set -euo pipefail\n\n"
    }

    fn list(&self, of: impl Fn(&(String, String)) -> &String) -> String {
        let words: Vec<String> = self.models.iter().map(|model| quoted(of(model))).collect();
        words.join(" ")
    }
}

/// A word as the shell reads it back.
pub fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./=,:@%+".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

/// A value as sbatch reads it back: it takes double quotes, and a backslash before what would end them.
fn in_directive(value: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./=,:@%+".contains(c);
    match value.chars().all(is_plain) {
        true => value.to_owned(),
        false => format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")),
    }
}

/// An option of sbatch, alone or as `NAME=VALUE`.
fn quoted_directive(option: &str) -> String {
    match option.split_once('=') {
        Some((name, value)) => format!("{}={}", in_directive(name), in_directive(value)),
        None => in_directive(option),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::process::Command;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn words_come_back_from_the_shell(word in "[ -~äß]{0,12}") {
            let printed = Command::new("bash").args(["-c", &format!("printf %s {}", quoted(&word))]).output().unwrap();
            prop_assert_eq!(String::from_utf8(printed.stdout).unwrap(), word);
        }
    }
    #[test]
    fn directives_are_one_word_each() {
        for (option, written) in [
            ("--cpus-per-task=8", "--cpus-per-task=8"),
            ("--exclusive", "--exclusive"),
            ("--partition=a b", r#"--partition="a b""#),
            ("--account=a # b", r#"--account="a # b""#),
            ("--constraint=[rack1|rack2]&gpu", r#"--constraint="[rack1|rack2]&gpu""#),
            (r#"--comment=say "a=b" \ c"#, r#"--comment="say \"a=b\" \\ c""#),
        ] {
            assert_eq!(quoted_directive(option), written);
        }
    }

    #[test]
    fn what_is_handed_on_is_quoted_where_sbatch_reads_it() {
        let directives = ["--partition=a b".to_owned()];
        let job = SlurmJob {
            program: "/a b/respondent",
            working_directory: "/a b",
            folder: "/a b/50 %",
            study: "isear",
            models: &[("control".to_owned(), "control".to_owned())],
            shard_count: 2,
            run_options: &[],
            shard_directives: &directives,
            merge_directives: &directives,
            at_once: Some(1),
        };
        for text in [job.shards(), job.merge()] {
            assert!(text.contains("#SBATCH --partition=\"a b\"\n"), "{text}");
            assert!(text.contains("#SBATCH --chdir=\"/a b\"\n"), "{text}");
            assert!(text.contains("#SBATCH --output=\"/a b/50 %%/logs/"), "{text}");
        }
        assert!(job.shards().contains("#SBATCH --array=1-2%1\n"));
    }
}
