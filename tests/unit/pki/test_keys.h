/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keys that are printed in RFCs, and keys that are to be refused. */
#pragma once

/* clang-format off */
/* RFC 7517 appendix A.2: the key whose thumbprint is in RFC 7638 section 3.1. */
#define RSA_PEM \
	"-----BEGIN RSA PRIVATE KEY-----\n" \
	"MIIEowIBAAKCAQEA0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78L\n" \
	"hWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc/BJECPebWKRXjBZCiFV4n3oknj\n" \
	"hMstn64tZ/2W+5JsGY4Hc5n9yBXArwl93lqt7/RN5w6Cf0h4QyQ5v+65YGjQR0/F\n" \
	"DW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbO\n" \
	"pbISD08qNLyrdkt+bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ+G/xBni\n" \
	"Iqbw0Ls1jF44+csFCur+kEgU8awapJzKnqDKgwIDAQABAoIBAF+HE7XiWP4J+BWD\n" \
	"7FwfK3V4seb8LINRSzeRNxGhukSaFR/hyyyg/TO3ceaKOxlEZJ3IZ60cHlJAu4U+\n" \
	"XySzNFmxQCjS1mNr7+wejal0s1L8U9P2En6oo8Kd0U85QWgsVqeHaBZOTdqPBsv5\n" \
	"xzSq6AAyJCeOqUVKIbF8sG0XgHWGjMBbPbb/Hf3D1WN4tO2t7fDDekzcJtHUmsJv\n" \
	"b+O1Igpd0pOWYhu8aIzy7uLG4NVNo8eCAUzQc52yUsxRyuuo0/G4JLqrJNBo7JAy\n" \
	"ZNfWeKsI8G7J5+I9lgYot0S/lLNpRlZGPH5Bc5ntc9B2yJH89GOpqpzmLanNF+I3\n" \
	"3CqAAvECgYEA83i+7IvMGXoMXCskv73TKr8637FiO7Z27zv8oj6pbWUQyLPQBQxt\n" \
	"PVnwD20R+60eTDmD2ujnMt5PoqMrm8RfmNhVWDtjjMmCMjOpSXicFHj7XOuVIYQy\n" \
	"qVWlWEh6dN36GVZYk93N8Bc9vY41xy8B9RzzOGVQzXvNEvn7O0nVbfsCgYEA3dfO\n" \
	"R9cuYq+0S+mkFLzgItgMEfFzB2q3hWehMuG0oCuqnb3vobLyumqjVZQO1dIrdwgT\n" \
	"nCdpYzBcOfW5r370AFXjiWft/NGEiovonizhKpo9VVS78TzFgxkIdrecRezsZ+1k\n" \
	"Yd/s1qDbxtkDEgfAITAG9LUnADun4vIcb6yelxkCgYAbiw9eRzphr3Lyglb38guP\n" \
	"jG6mm7SXOL8ftVORLzGPlJ1fdygTSiKZjDEiLZ6ZMC57RQ5rl2mAUbIEnhzy1DZU\n" \
	"XjTZdG6AoNM/xqRiEWjm0ADvtB782a25hlzcLebcjbgbYa9HmxIPFTIA3bOrwt+f\n" \
	"0RSazqtjc5vxh6IqROIGPQKBgQCz2UAf1+CAGygVHw5pzZH8TaDDbzatPaQY4CG8\n" \
	"iWURMTV5+sDqG5RS8x8FwymfyWp5bq/POdhjlJJAXukx0L9qAjecbwhunUFRvQlS\n" \
	"KtpE2pR8uFxBv930YXgOHt7vhZtGyhtGie6NNg3XEJo/pM7rWO9atf4vXy3FfDj3\n" \
	"hD9yCQKBgBsjP6eia18kos9baBYCm1lfiXSN40OMqbva2zFsd60CQX5rdBaGM4FC\n" \
	"GRFRRHDqsHpkTfNc6AwGmvgZNCljRg4yR2Q3Q5hYVtwDe5SPqbsZP5h2Ridda8ck\n" \
	"fDueVy0nt0j5kXysGSOslNuGcb0ChWCLXZXVChszuiGus0yoQFUV\n" \
	"-----END RSA PRIVATE KEY-----\n"

/* RFC 7515 appendix A.3. */
#define EC_PEM \
	"-----BEGIN EC PRIVATE KEY-----\n" \
	"MHcCAQEEII6bEJ5xkJi/mASH3x9dd+nLKWBuvtImO19XwhPfhPSyoAoGCCqGSM49\n" \
	"AwEHoUQDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEXH8UTNG72b\n" \
	"focs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==\n" \
	"-----END EC PRIVATE KEY-----\n"

/* RFC 8037 appendix A.1. */
#define ED25519_PEM \
	"-----BEGIN PRIVATE KEY-----\n" \
	"MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n" \
	"-----END PRIVATE KEY-----\n"

/* Made with a password. */
#define ENCRYPTED_PEM \
	"-----BEGIN ENCRYPTED PRIVATE KEY-----\n" \
	"MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAh3EJMaJweokgICCAAw\n" \
	"DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEGYdWEW4Sd3a/Vv2ZoHFb30EgZBa\n" \
	"yGGyBYPzk0eHc5OvHE9HzXhTT4uOqBkVnBFCixNpXNiWyKNyqVoAnHRsb8UKU7oq\n" \
	"PFtLm/HCn42TCAk/fuKW32b3/O4736DzcHFmJHO7/Xk6KgFlRJLWrbfQzSkyjkcR\n" \
	"bRpdktKoPx9rdc/n6lFYJwtSYP8JtZOLog0327LQCYDXSSE8VWL+Lpq74w0e8KM=\n" \
	"-----END ENCRYPTED PRIVATE KEY-----\n"

/* A curve that is not used here. */
#define P521_PEM \
	"-----BEGIN PRIVATE KEY-----\n" \
	"MIHuAgEAMBAGByqGSM49AgEGBSuBBAAjBIHWMIHTAgEBBEIBp3XvgNA4ZUcsZ3TD\n" \
	"arfBO9a4+3HKmG6drRXt6D/cnZfUsK3IkAPe25b/nlBTN3M2cl/TnE3b92qT6yuj\n" \
	"sgAQobShgYkDgYYABAGG9RZoFRxrpNLmujspm+d7JQ37kqlnRVgLKLe0zEX2kPZM\n" \
	"tppUQEZkbvETATSAelEmc8NXQ4RJG1x04HEddBYXGwHcDNqOMhax/B7xMYVOm4dI\n" \
	"SFNq8Ngbs68HFam89YU+4rFbhLY5PbVtrLhDelLpGx5a9ffyCg44u4PQ99jX79wT\n" \
	"zQ==\n" \
	"-----END PRIVATE KEY-----\n"

/* As `openssl ecparam -genkey` writes it. */
#define EC_PARAMETERS_PEM \
	"-----BEGIN EC PARAMETERS-----\n" \
	"BggqhkjOPQMBBw==\n" \
	"-----END EC PARAMETERS-----\n" \
	"-----BEGIN EC PRIVATE KEY-----\n" \
	"MHcCAQEEIOCfTceF05DdA9WJAjxH+DD7i2Ano/jBWmG8q6lqZ/cSoAoGCCqGSM49\n" \
	"AwEHoUQDQgAE22GcLxZ1JqwyuS3hV0G1f13jKhcEhWZgS2eIBGuKWliQhPKbWaIS\n" \
	"596ZyFGZyRSMRX78F0jyewGuUsP0PHVb2w==\n" \
	"-----END EC PRIVATE KEY-----\n"
/* clang-format on */
