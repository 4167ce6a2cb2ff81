/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a CA hands out as a chain: parse it, read all of it, write it, parse that. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pki/cert.h"
#include "util/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(cert_chain_freep) struct cert_chain *chain = NULL;
	_cleanup_(cert_chain_freep) struct cert_chain *again = NULL;
	_cleanup_(freep) char *pem = NULL;
	_cleanup_(freep) char *ari_id = NULL;

	if (cert_chain_parse_pem(&chain, (const char *)data, size, NULL) < 0)
		return 0;
	assert(strlen(cert_chain_get_serial(chain)) > 0);
	(void)cert_chain_format_ari_id(chain, &ari_id, NULL);
	if (cert_chain_format_pem(chain, &pem, NULL) < 0)
		abort();
	if (strlen(pem) > CERT_PEM_BYTES_MAX)
		return 0;
	if (cert_chain_parse_pem(&again, pem, strlen(pem), NULL) < 0)
		abort();
	assert(memcmp(cert_chain_get_fingerprint(chain),
		       cert_chain_get_fingerprint(again), CERT_FINGERPRINT_BYTES) == 0);
	return 0;
}
