#include "php/global_scope.hpp"

namespace askr::php {
namespace {

bool is_global_scope(const zend_execute_data* frame) {
  return frame->func != nullptr && ZEND_USER_CODE(frame->func->type) &&
         (ZEND_CALL_INFO(frame) & ZEND_CALL_HAS_SYMBOL_TABLE) != 0 && frame->symbol_table == &EG(symbol_table);
}

}  // namespace

zend_execute_data* find_global_scope() {
  zend_execute_data* frame = EG(current_execute_data);
  while (frame != nullptr && !is_global_scope(frame)) frame = frame->prev_execute_data;
  return frame;
}

}  // namespace askr::php
