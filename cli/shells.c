/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shells.c - completion for bash, zsh and fish: scripts that hand the line to
 * the program, which reads what may follow off its tables.
 */
#include <stdio.h>
#include <string.h>

#include "message.h"

/* clang-format off */
static const char bash[] =
	"# bash completion for splinterctl and its other names\n"
	"\n"
	"# Sets plain to what quoting leaves of the last word of a line, quote to\n"
	"# the one that is open at its end, and before to what plain was there.\n"
	"_splinterctl_read() {\n"
	"	local rest=$1 char\n"
	"	plain='' quote='' before=''\n"
	"	while [[ $rest ]]; do\n"
	"		char=${rest:0:1} rest=${rest:1}\n"
	"		if [[ $quote && $char == \"$quote\" ]]; then\n"
	"			quote=''\n"
	"		elif [[ ! $quote && $char == [\\'\\\"] ]]; then\n"
	"			quote=$char before=$plain\n"
	"		elif [[ ! $quote && $char == [[:space:]] ]]; then\n"
	"			plain=''\n"
	"		elif [[ $char == \\\\ && $quote != \\' ]] &&\n"
	"			[[ ! $quote || $rest == [\\$\\`\\\"\\\\]* ]]; then\n"
	"			plain+=${rest:0:1} rest=${rest:1}\n"
	"		else\n"
	"			plain+=$char\n"
	"		fi\n"
	"	done\n"
	"}\n"
	"\n"
	"# Bash replaces what stands behind an open quote or, without one, behind\n"
	"# the last character that breaks words for it, such as ':'. What stands\n"
	"# before that is taken off a choice, and the rest quoted to fit there.\n"
	"_splinterctl() {\n"
	"	local line=${COMP_LINE:0:COMP_POINT} tail=$2 \\\n"
	"		plain quote before program text char\n"
	"	COMPREPLY=()\n"
	"	# An alias of the same name brings options: --use, above all.\n"
	"	text=${BASH_ALIASES[${COMP_WORDS[0]}]-}\n"
	"	[[ $text != \"${COMP_WORDS[0]} \"* ]] ||\n"
	"		line=$text${line#\"${COMP_WORDS[0]}\"}\n"
	"	_splinterctl_read \"${COMP_WORDS[0]}\"\n"
	"	program=${plain/#~\\//~/}\n"
	"	# Where sudo's completion and the like stand between, with the ':'.\n"
	"	while [[ $tail == [:=]* && $COMP_WORDBREAKS == *\"${tail:0:1}\"* ]]; do\n"
	"		tail=${tail:1}\n"
	"	done\n"
	"	_splinterctl_read \"$line\"\n"
	"	if [[ $quote ]]; then\n"
	"		plain=$before\n"
	"	else\n"
	"		_splinterctl_read \"${line%\"$tail\"}\"\n"
	"	fi\n"
	"	while IFS=$'\\t' read -r text _; do\n"
	"		if [[ $text == \\'* ]]; then\n"
	"			text=${text:1:${#text}-2}\n"
	"			text=${text//\"'\\\\''\"/\"'\"}\n"
	"		fi\n"
	"		[[ $text == \"$plain\"* ]] || continue\n"
	"		text=${text#\"$plain\"}\n"
	"		if [[ $quote == \\' ]]; then\n"
	"			text=${text//\"'\"/\"'\\\\''\"}\n"
	"		elif [[ $quote == \\\" ]]; then\n"
	"			for char in \\\\ \\$ \\` \\\"; do\n"
	"				text=${text//\"$char\"/\"\\\\$char\"}\n"
	"			done\n"
	"			text=${text//!/\"\\\"'!'\\\"\"}\n"
	"		elif [[ $text ]]; then\n"
	"			printf -v text %q \"$text\"\n"
	"		fi\n"
	"		# Where that ends in the quote, readline takes it for closed.\n"
	"		[[ $text != *\"$quote\" ]] || text+=$quote\n"
	"		COMPREPLY+=(\"$text\")\n"
	"	done < <(\"$program\" --complete \"$line\" 2>/dev/null)\n"
	"}\n"
	"complete -o default -F _splinterctl splinterctl splinterpctl \\\n"
	"	splinter_cli splinterp_cli\n";

static const char zsh[] =
	"#compdef splinterctl splinterpctl splinter_cli splinterp_cli\n"
	"# zsh completion for splinterctl and its other names\n"
	"\n"
	"_splinterctl() {\n"
	"	setopt local_options no_rc_quotes\n"
	"	local text summary explained word=${(Q)PREFIX}\n"
	"	local -a before names described expl\n"
	"	# In quotes a backslash is another thing, and in these two it differs.\n"
	"	[[ $compstate[quote] == \\' ]] && word=$PREFIX\n"
	"	[[ $compstate[quote] == \\\" ]] && word=${(Q)${:-\\\"$PREFIX\\\"}}\n"
	"	before=(\"${(@Q)words[1,CURRENT-1]}\")\n"
	"	while IFS=$'\\t' read -r text summary; do\n"
	"		text=${(Q)text}\n"
	"		names+=(\"$text\")\n"
	"		described+=(\"$text${summary:+:$summary}\")\n"
	"		explained+=$summary\n"
	"	done < <(\"${before[1]/#\\~\\//$HOME/}\" --complete \\\n"
	"		\"${(j: :)${(@qq)before}} ${(qq)word}\" 2>/dev/null)\n"
	"	if [[ -n $explained ]]; then\n"
	"		_describe -t names name described\n"
	"	elif (($#names)); then\n"
	"		_wanted names expl name compadd -a names\n"
	"	else\n"
	"		# set and append take a file as @FILE.\n"
	"		compset -P @\n"
	"		_files\n"
	"	fi\n"
	"}\n"
	"if [[ $funcstack[1] == _splinterctl ]]; then\n"
	"	_splinterctl \"$@\"\n"
	"else\n"
	"	compdef _splinterctl splinterctl splinterpctl splinter_cli \\\n"
	"		splinterp_cli\n"
	"fi\n";

static const char fish[] =
	"# fish completion for splinterctl and its other names\n"
	"\n"
	"# Leaves what fits in a variable, a choice and its summary each, and fails\n"
	"# if that is nothing: then fish offers files. The program quotes otherwise\n"
	"# than fish does, so both ways words go without one's and with the other's.\n"
	"function __splinterctl_find\n"
	"	set -g __splinterctl_found\n"
	"	set -l before (commandline -cpo)\n"
	"	set -l word (commandline -ct)\n"
	"	for end in '' \\' \\\"\n"
	"		set -l closed (string unescape -- \"$word$end\")\n"
	"		and set word $closed\n"
	"		and break\n"
	"	end\n"
	"	set -l line\n"
	"	for text in $before \"$word\"\n"
	"		set -a line \"'\"(string replace -a \\' \"'\\\\''\" -- \"$text\")\"'\"\n"
	"	end\n"
	"	set -l program (string replace -r '^~/' ~/ -- $before[1])\n"
	"	command -q -- $program\n"
	"	or return\n"
	"	for choice in ($program --complete \"$line\" 2>/dev/null)\n"
	"		set -l parts (string split -m 1 \\t -- $choice)\n"
	"		set parts[1] (string replace -r \"^'(.*)'\\$\" '$1' -- $parts[1] |\n"
	"			string replace -a \"'\\\\''\" \\')\n"
	"		set -a __splinterctl_found $parts[1]\\t$parts[2]\n"
	"	end\n"
	"	# A value is taken from a file as @FILE.\n"
	"	if not set -q __splinterctl_found[1]\n"
	"		and string match -q '@*' -- \"$word\"\n"
	"		for file in (string sub -s 2 -- \"$word\")*\n"
	"			test -d $file; and set file $file/\n"
	"			set -a __splinterctl_found @$file\n"
	"		end\n"
	"	end\n"
	"	set -q __splinterctl_found[1]\n"
	"end\n"
	"for program in splinterctl splinterpctl splinter_cli splinterp_cli\n"
	"	complete -c $program -f -n __splinterctl_find \\\n"
	"		-a '(string join \\n -- $__splinterctl_found)'\n"
	"end\n";
/* clang-format on */

int
cli_print_completion(const struct cli *cli, const char *shell)
{
	const char *text = NULL;

	if (!strcmp(shell, "bash"))
		text = bash;
	if (!strcmp(shell, "zsh"))
		text = zsh;
	if (!strcmp(shell, "fish"))
		text = fish;
	if (!text)
		return cli_usage(cli,
			"no completion for '%s': name bash, zsh or fish",
			shell);
	fputs(text, stdout);
	return EXIT_DONE;
}
