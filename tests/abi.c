/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Prints the shape of plugins/postseal-plugin.h, for tests/abi.sh. What is added to the
 * header is added here. */
#include <stdio.h>

#include "plugins/postseal-plugin.h"

#define TYPE(type) printf("struct %s size %zu\n", #type, sizeof(struct type))
#define MEMBER(type, member)                                  \
	printf("%s.%s offset %zu size %zu\n", #type, #member, \
		offsetof(struct type, member), sizeof(((struct type *)0)->member))
#define VALUE(name) printf("%s %d\n", #name, (int)name)

static void print_address(void)
{
	TYPE(postseal_address);
	MEMBER(postseal_address, address);
	MEMBER(postseal_address, sni);
}

static void print_result(void)
{
	TYPE(postseal_result);
	MEMBER(postseal_result, size);
	MEMBER(postseal_result, outcome);
	MEMBER(postseal_result, detail);
	MEMBER(postseal_result, retry_usec);
	MEMBER(postseal_result, addresses);
	MEMBER(postseal_result, n_addresses);
	MEMBER(postseal_result, saved);
	MEMBER(postseal_result, wanted);
	MEMBER(postseal_result, n_wanted);
	MEMBER(postseal_result, place);
	MEMBER(postseal_result, values);
}

static void print_http_params(void)
{
	TYPE(postseal_http_params);
	MEMBER(postseal_http_params, size);
	MEMBER(postseal_http_params, method);
	MEMBER(postseal_http_params, url);
	MEMBER(postseal_http_params, content_type);
	MEMBER(postseal_http_params, body);
	MEMBER(postseal_http_params, body_len);
	MEMBER(postseal_http_params, max_body_bytes);
	MEMBER(postseal_http_params, deadline_usec);
	MEMBER(postseal_http_params, headers);
	MEMBER(postseal_http_params, ca_file);
}

static void print_http_result(void)
{
	TYPE(postseal_http_result);
	MEMBER(postseal_http_result, size);
	MEMBER(postseal_http_result, status);
	MEMBER(postseal_http_result, body);
	MEMBER(postseal_http_result, body_len);
	MEMBER(postseal_http_result, detail);
}

static void print_exec_params(void)
{
	TYPE(postseal_exec_params);
	MEMBER(postseal_exec_params, size);
	MEMBER(postseal_exec_params, argv);
	MEMBER(postseal_exec_params, env);
	MEMBER(postseal_exec_params, input);
	MEMBER(postseal_exec_params, input_len);
	MEMBER(postseal_exec_params, deadline_usec);
}

static void print_exec_result(void)
{
	TYPE(postseal_exec_result);
	MEMBER(postseal_exec_result, size);
	MEMBER(postseal_exec_result, exit_code);
	MEMBER(postseal_exec_result, output);
	MEMBER(postseal_exec_result, output_len);
	MEMBER(postseal_exec_result, detail);
}

static void print_file(void)
{
	TYPE(postseal_file);
	MEMBER(postseal_file, path);
	MEMBER(postseal_file, data);
	MEMBER(postseal_file, len);
	MEMBER(postseal_file, mode);
	MEMBER(postseal_file, owner);
	MEMBER(postseal_file, group);
}

static void print_answer(void)
{
	TYPE(postseal_answer);
	MEMBER(postseal_answer, size);
	MEMBER(postseal_answer, kind);
	MEMBER(postseal_answer, name);
	MEMBER(postseal_answer, token);
	MEMBER(postseal_answer, key_authorization);
}

static void print_services(void)
{
	TYPE(postseal_services);
	MEMBER(postseal_services, size);
	MEMBER(postseal_services, complete);
	MEMBER(postseal_services, call_set_data);
	MEMBER(postseal_services, call_get_data);
	MEMBER(postseal_services, log);
	MEMBER(postseal_services, get_string);
	MEMBER(postseal_services, get_list);
	MEMBER(postseal_services, get_int);
	MEMBER(postseal_services, get_bool);
	MEMBER(postseal_services, get_duration);
	MEMBER(postseal_services, load_state);
	MEMBER(postseal_services, save_state);
	MEMBER(postseal_services, timer_start);
	MEMBER(postseal_services, timer_cancel);
	MEMBER(postseal_services, watch_start);
	MEMBER(postseal_services, watch_cancel);
	MEMBER(postseal_services, http_start);
	MEMBER(postseal_services, http_cancel);
	MEMBER(postseal_services, exec_start);
	MEMBER(postseal_services, exec_cancel);
	MEMBER(postseal_services, write_files);
	MEMBER(postseal_services, publish_start);
	MEMBER(postseal_services, look_start);
	MEMBER(postseal_services, publication_cancel);
	MEMBER(postseal_services, withdraw);
	MEMBER(postseal_services, txt_start);
	MEMBER(postseal_services, txt_cancel);
	MEMBER(postseal_services, lookup_start);
	MEMBER(postseal_services, lookup_cancel);
}

static void print_setting(void)
{
	TYPE(postseal_setting);
	MEMBER(postseal_setting, name);
	MEMBER(postseal_setting, type);
	MEMBER(postseal_setting, fallback);
	MEMBER(postseal_setting, min);
	MEMBER(postseal_setting, max);
	MEMBER(postseal_setting, values);
	MEMBER(postseal_setting, flags);
	MEMBER(postseal_setting, text);
}

static void print_task(void)
{
	TYPE(postseal_task);
	MEMBER(postseal_task, size);
	MEMBER(postseal_task, domain);
	MEMBER(postseal_task, name);
	MEMBER(postseal_task, is_wildcard);
	MEMBER(postseal_task, account_url);
	MEMBER(postseal_task, thumbprint);
	MEMBER(postseal_task, token);
	MEMBER(postseal_task, key_authorization);
	MEMBER(postseal_task, challenge_json);
	MEMBER(postseal_task, saved);
	MEMBER(postseal_task, authority);
	MEMBER(postseal_task, directory_url);
	MEMBER(postseal_task, directory_json);
	MEMBER(postseal_task, has_wildcard);
}

static void print_challenge(void)
{
	TYPE(postseal_challenge);
	MEMBER(postseal_challenge, size);
	MEMBER(postseal_challenge, type);
	MEMBER(postseal_challenge, flags);
	MEMBER(postseal_challenge, offers);
	MEMBER(postseal_challenge, want);
	MEMBER(postseal_challenge, present);
	MEMBER(postseal_challenge, ready);
	MEMBER(postseal_challenge, cleanup);
	MEMBER(postseal_challenge, cancel);
	MEMBER(postseal_challenge, fits);
}

static void print_bundle(void)
{
	TYPE(postseal_bundle);
	MEMBER(postseal_bundle, size);
	MEMBER(postseal_bundle, domain);
	MEMBER(postseal_bundle, names);
	MEMBER(postseal_bundle, key_type);
	MEMBER(postseal_bundle, chain_pem);
	MEMBER(postseal_bundle, key_pem);
	MEMBER(postseal_bundle, fingerprint);
	MEMBER(postseal_bundle, not_after_sec);
}

static void print_deploy(void)
{
	TYPE(postseal_deploy);
	MEMBER(postseal_deploy, size);
	MEMBER(postseal_deploy, install);
	MEMBER(postseal_deploy, cancel);
}

static void print_notice(void)
{
	TYPE(postseal_notice);
	MEMBER(postseal_notice, size);
	MEMBER(postseal_notice, kind);
	MEMBER(postseal_notice, subject);
	MEMBER(postseal_notice, text);
	MEMBER(postseal_notice, at_sec);
}

static void print_notify(void)
{
	TYPE(postseal_notify);
	MEMBER(postseal_notify, size);
	MEMBER(postseal_notify, notify);
	MEMBER(postseal_notify, cancel);
}

static void print_wanted(void)
{
	TYPE(postseal_wanted);
	MEMBER(postseal_wanted, size);
	MEMBER(postseal_wanted, owner);
	MEMBER(postseal_wanted, type);
	MEMBER(postseal_wanted, value);
	MEMBER(postseal_wanted, why);
	MEMBER(postseal_wanted, until_sec);
}

static void print_txt(void)
{
	TYPE(postseal_txt);
	MEMBER(postseal_txt, size);
	MEMBER(postseal_txt, domain);
	MEMBER(postseal_txt, name);
	MEMBER(postseal_txt, value);
}

static void print_txt_result(void)
{
	TYPE(postseal_txt_result);
	MEMBER(postseal_txt_result, size);
	MEMBER(postseal_txt_result, outcome);
	MEMBER(postseal_txt_result, detail);
	MEMBER(postseal_txt_result, retry_usec);
	MEMBER(postseal_txt_result, wanted);
	MEMBER(postseal_txt_result, n_wanted);
}

static void print_lookup_result(void)
{
	TYPE(postseal_lookup_result);
	MEMBER(postseal_lookup_result, size);
	MEMBER(postseal_lookup_result, status);
	MEMBER(postseal_lookup_result, values);
	MEMBER(postseal_lookup_result, is_secure);
	MEMBER(postseal_lookup_result, detail);
}

static void print_value(void)
{
	TYPE(postseal_value);
	MEMBER(postseal_value, size);
	MEMBER(postseal_value, domain);
	MEMBER(postseal_value, name);
	MEMBER(postseal_value, value);
	MEMBER(postseal_value, is_delegated);
}

static void print_dns(void)
{
	TYPE(postseal_dns);
	MEMBER(postseal_dns, size);
	MEMBER(postseal_dns, place);
	MEMBER(postseal_dns, add);
	MEMBER(postseal_dns, remove);
	MEMBER(postseal_dns, list);
	MEMBER(postseal_dns, cancel);
}

static void print_plugin(void)
{
	TYPE(postseal_plugin);
	MEMBER(postseal_plugin, abi_major);
	MEMBER(postseal_plugin, abi_minor);
	MEMBER(postseal_plugin, size);
	MEMBER(postseal_plugin, kind);
	MEMBER(postseal_plugin, name);
	MEMBER(postseal_plugin, summary);
	MEMBER(postseal_plugin, version);
	MEMBER(postseal_plugin, settings);
	MEMBER(postseal_plugin, open);
	MEMBER(postseal_plugin, close);
	MEMBER(postseal_plugin, challenge);
	MEMBER(postseal_plugin, deploy);
	MEMBER(postseal_plugin, notify);
	MEMBER(postseal_plugin, dns);
}

static void print_values(void)
{
	VALUE(POSTSEAL_OK);
	VALUE(POSTSEAL_NOT_YET);
	VALUE(POSTSEAL_FAILED);
	VALUE(POSTSEAL_REFUSED);
	VALUE(POSTSEAL_LOG_ERROR);
	VALUE(POSTSEAL_LOG_WARNING);
	VALUE(POSTSEAL_LOG_NOTICE);
	VALUE(POSTSEAL_LOG_INFO);
	VALUE(POSTSEAL_LOG_DEBUG);
	VALUE(POSTSEAL_IN);
	VALUE(POSTSEAL_OUT);
	VALUE(POSTSEAL_HUP);
	VALUE(POSTSEAL_ANSWER_HTTP);
	VALUE(POSTSEAL_ANSWER_ALPN);
	VALUE(POSTSEAL_SETTING_STRING);
	VALUE(POSTSEAL_SETTING_STRINGS);
	VALUE(POSTSEAL_SETTING_BOOL);
	VALUE(POSTSEAL_SETTING_INT);
	VALUE(POSTSEAL_SETTING_DURATION);
	VALUE(POSTSEAL_SETTING_ENUM);
	VALUE(POSTSEAL_SETTING_PATH);
	VALUE(POSTSEAL_SETTING_ADDRESSES);
	VALUE(POSTSEAL_SETTING_URL);
	VALUE(POSTSEAL_SETTING_MODE);
	VALUE(POSTSEAL_SETTING_REQUIRED);
	VALUE(POSTSEAL_SETTING_SECRET);
	VALUE(POSTSEAL_CHALLENGE_WILDCARD);
	VALUE(POSTSEAL_CHALLENGE_DNS);
	VALUE(POSTSEAL_TXT_WHERE);
	VALUE(POSTSEAL_TXT_PUT);
	VALUE(POSTSEAL_TXT_LOOK);
	VALUE(POSTSEAL_TXT_REMOVE);
	VALUE(POSTSEAL_LOOKUP_FOUND);
	VALUE(POSTSEAL_LOOKUP_NOTHING);
	VALUE(POSTSEAL_LOOKUP_FAILED);
	VALUE(POSTSEAL_FIT_YES);
	VALUE(POSTSEAL_FIT_NO);
	VALUE(POSTSEAL_FIT_OTHER);
	VALUE(POSTSEAL_FIT_FOREIGN);
	VALUE(POSTSEAL_KIND_CHALLENGE);
	VALUE(POSTSEAL_KIND_DNS);
	VALUE(POSTSEAL_KIND_DEPLOY);
	VALUE(POSTSEAL_KIND_NOTIFY);
}

int main(void)
{
	printf("abi %d.%d\n", POSTSEAL_ABI_MAJOR, POSTSEAL_ABI_MINOR);
	print_address();
	print_result();
	print_http_params();
	print_http_result();
	print_exec_params();
	print_exec_result();
	print_file();
	print_answer();
	print_services();
	print_setting();
	print_task();
	print_challenge();
	print_bundle();
	print_deploy();
	print_notice();
	print_notify();
	print_wanted();
	print_txt();
	print_txt_result();
	print_lookup_result();
	print_value();
	print_dns();
	print_plugin();
	print_values();
	return 0;
}
