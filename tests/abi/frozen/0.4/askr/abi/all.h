/* All interfaces of the SDK. */
#ifndef ASKR_ABI_ALL_H
#define ASKR_ABI_ALL_H

#include "askr/abi/command.h"
#include "askr/abi/log.h"
#include "askr/abi/loop.h"
#include "askr/abi/metrics.h"
#include "askr/abi/options.h"
#include "askr/abi/php.h"
#include "askr/abi/pipeline.h"
#include "askr/abi/plugin.h"
#include "askr/abi/request.h"
#include "askr/abi/response.h"
#include "askr/abi/service.h"
#include "askr/abi/shm.h"
#include "askr/abi/slots.h"
#include "askr/abi/wake.h"
#include "askr/abi/workers.h"

#endif
