# cyr_cd MAILBOX: go to the directory of a mailbox. To be sourced: . cyr_cd.sh
cyr_cd() {
	_cyr_cd_path=$(mbpath "$@") || return
	if [ -n "$_cyr_cd_path" ]; then cd "$_cyr_cd_path" || return; fi
	unset _cyr_cd_path
}
