// "askr.slots/1"
#include "plugin/interfaces.hpp"
#include "plugin/live_request.hpp"

namespace askr::plugin {
namespace {

using pipeline::slot_kinds;
using pipeline::Transaction;

askr_status add_slot(std::vector<pipeline::SlotDestructor>& kinds, void (*destroy)(void*), uint32_t* slot) {
  *slot = static_cast<uint32_t>(kinds.size());
  kinds.push_back(destroy);
  return ASKR_OK;
}

askr_status add_request_slot(askr_registrar* /*registrar*/, void (*destroy)(void*), uint32_t* slot) {
  return add_slot(slot_kinds().request, destroy, slot);
}

askr_status add_connection_slot(askr_registrar* /*registrar*/, void (*destroy)(void*), uint32_t* slot) {
  return add_slot(slot_kinds().connection, destroy, slot);
}

void* get(askr_request request, uint32_t slot) {
  const Transaction* transaction = ASKR_LIVE(request, "askr_slots.get");
  return transaction == nullptr ? nullptr : transaction->slots.get(slot);
}

askr_status set(askr_request request, uint32_t slot, void* value) {
  Transaction* transaction = ASKR_LIVE(request, "askr_slots.set");
  if (transaction == nullptr) return ASKR_E_STALE;
  if (slot >= slot_kinds().request.size()) return ASKR_E_INVALID;
  transaction->slots.set(slot, value, slot_kinds().request);
  return ASKR_OK;
}

void* connection_get(askr_request request, uint32_t slot) {
  const Transaction* transaction = ASKR_LIVE(request, "askr_slots.connection_get");
  return transaction == nullptr ? nullptr : transaction->connection_slots->get(slot);
}

askr_status connection_set(askr_request request, uint32_t slot, void* value) {
  Transaction* transaction = ASKR_LIVE(request, "askr_slots.connection_set");
  if (transaction == nullptr) return ASKR_E_STALE;
  if (slot >= slot_kinds().connection.size()) return ASKR_E_INVALID;
  transaction->connection_slots->set(slot, value, slot_kinds().connection);
  return ASKR_OK;
}

void* allocate(askr_request request, size_t bytes) {
  Transaction* transaction = ASKR_LIVE(request, "askr_slots.allocate");
  return transaction == nullptr ? nullptr : transaction->memory.allocate(bytes);
}

}  // namespace

const askr_slots kSlotsInterface = {sizeof(askr_slots), add_request_slot, add_connection_slot, get, set, connection_get,
                                    connection_set,     allocate};

}  // namespace askr::plugin
