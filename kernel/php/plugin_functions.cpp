// How a call finds its plugin: zend_function has slots for extensions (`reserved`); one of them holds the
// PluginFunction, so no name is looked up at run time.
#include "php/plugin_functions.hpp"

#include <deque>
#include <string_view>

#include "base/log.hpp"
#include "php/state.hpp"
#include "pipeline/contain.hpp"

namespace askr::php {
namespace {

int reserved_slot = -1;

constexpr uint32_t kTypeMask = ASKR_PHP_NULLABLE - 1;

const askr_php_parameter& parameter_of(const askr_php_function& function, uint32_t index) {
  const auto* first = reinterpret_cast<const char*>(function.parameters);
  return *reinterpret_cast<const askr_php_parameter*>(first + size_t{index} * function.parameter_size);
}

bool is_nullable(uint32_t type) {
  return (type & ASKR_PHP_NULLABLE) != 0;
}

// ---------------------------------------------------------------- declarations

zend_type to_zend(uint32_t type) {
  const bool null = is_nullable(type);
  switch (type & kTypeMask) {
    case ASKR_PHP_BOOL:
      return ZEND_TYPE_INIT_CODE(_IS_BOOL, null, 0);
    case ASKR_PHP_INT:
      return ZEND_TYPE_INIT_CODE(IS_LONG, null, 0);
    case ASKR_PHP_FLOAT:
      return ZEND_TYPE_INIT_CODE(IS_DOUBLE, null, 0);
    case ASKR_PHP_STRING:
      return ZEND_TYPE_INIT_CODE(IS_STRING, null, 0);
    case ASKR_PHP_CALLABLE:
      return ZEND_TYPE_INIT_CODE(IS_CALLABLE, null, 0);
    default:
      return ZEND_TYPE_INIT_CODE(IS_VOID, false, 0);
  }
}

uint32_t required_parameters(const askr_php_function& function) {
  uint32_t required = 0;
  for (uint32_t i = 0; i < function.parameter_count; ++i) {
    if (parameter_of(function, i).default_text == nullptr) required = i + 1;
  }
  return required;
}

bool is_sound(const askr_php_function& function) {
  if (function.parameter_count > askr_php_call::kMostParameters) return false;
  if (function.parameter_count > 0 && function.parameter_size < sizeof(askr_php_parameter)) return false;
  for (uint32_t i = 0; i < function.parameter_count; ++i) {
    const uint32_t type = parameter_of(function, i).type & kTypeMask;
    if (type == ASKR_PHP_VOID || type > ASKR_PHP_CALLABLE) return false;
  }
  return (function.return_type & kTypeMask) <= ASKR_PHP_STRING;
}

// For the life of the process: PHP keeps pointers to it.
const zend_internal_arg_info* make_signature(const askr_php_function& function) {
  static std::deque<std::vector<zend_internal_arg_info>> signatures;
  auto& signature = signatures.emplace_back();
  const auto required = reinterpret_cast<const char*>(static_cast<uintptr_t>(required_parameters(function)));
  signature.push_back({required, to_zend(function.return_type), nullptr});
  for (uint32_t i = 0; i < function.parameter_count; ++i) {
    const askr_php_parameter& parameter = parameter_of(function, i);
    signature.push_back({parameter.name, to_zend(parameter.type), parameter.default_text});
  }
  return signature.data();
}

// ---------------------------------------------------------------- calls

// Later versions of PHP ask whether to let go of a trampoline at once, which the others always do.
template <class Info>
bool parse_callable(zval* argument, Info* info, zend_fcall_info_cache* cache, char** problem) {
  if constexpr (requires { zend_parse_arg_func(argument, info, cache, false, problem, true); }) {
    return zend_parse_arg_func(argument, info, cache, false, problem, true);
  } else {
    return zend_parse_arg_func(argument, info, cache, false, problem);
  }
}

// Checks and converts as PHP does for its own functions. False: an exception is on its way.
bool take_argument(askr_php_call& call, uint32_t index, uint32_t type, zval* argument) {
  askr_php_call::Value& value = call.values[index];
  const bool nullable = is_nullable(type);
  bool& is_null = call.is_null[index];
  is_null = nullable && Z_TYPE_P(argument) == IS_NULL;
  if (is_null) return true;
  const uint32_t number = index + 1;
  bool flag = false;
  switch (type & kTypeMask) {
    case ASKR_PHP_BOOL:
      if (zend_parse_arg_bool(argument, &flag, &is_null, false, number)) {
        value.number = flag ? 1 : 0;
        return true;
      }
      zend_wrong_parameter_error(ZPP_ERROR_WRONG_ARG, number, nullptr,
                                 nullable ? Z_EXPECTED_BOOL_OR_NULL : Z_EXPECTED_BOOL, argument);
      return false;
    case ASKR_PHP_INT:
      if (zend_parse_arg_long(argument, &value.number, &is_null, false, number)) return true;
      zend_wrong_parameter_error(ZPP_ERROR_WRONG_ARG, number, nullptr,
                                 nullable ? Z_EXPECTED_LONG_OR_NULL : Z_EXPECTED_LONG, argument);
      return false;
    case ASKR_PHP_FLOAT:
      if (zend_parse_arg_double(argument, &value.real, &is_null, false, number)) return true;
      zend_wrong_parameter_error(ZPP_ERROR_WRONG_ARG, number, nullptr,
                                 nullable ? Z_EXPECTED_DOUBLE_OR_NULL : Z_EXPECTED_DOUBLE, argument);
      return false;
    case ASKR_PHP_CALLABLE: {
      char* problem = nullptr;
      zend_fcall_info info;
      zend_fcall_info_cache cache;
      if (parse_callable(argument, &info, &cache, &problem)) {
        zend_release_fcall_info_cache(&cache);
        value.callable = argument;
        return true;
      }
      if (problem != nullptr) {
        zend_wrong_callback_error(number, problem);  // takes `problem`
      } else {
        zend_wrong_parameter_error(ZPP_ERROR_WRONG_ARG, number, nullptr, Z_EXPECTED_FUNC, argument);
      }
      return false;
    }
    default:
      if (zend_parse_arg_str(argument, &value.text, false, number)) return true;
      zend_wrong_parameter_error(ZPP_ERROR_WRONG_ARG, number, nullptr,
                                 nullable ? Z_EXPECTED_STRING_OR_NULL : Z_EXPECTED_STRING, argument);
      return false;
  }
}

const char* explain(askr_status status) {
  switch (status) {
    case ASKR_E_INVALID:
      return "an argument makes no sense";
    case ASKR_E_NO_MEMORY:
      return "out of memory";
    case ASKR_E_WRONG_STEP:
      return "not possible here";
    case ASKR_E_FULL:
      return "a limit is reached";
    case ASKR_E_TOO_LARGE:
      return "too large";
    default:
      return "failed";
  }
}

PHP_FUNCTION(askr_plugin_function) {
  const zend_function* called = execute_data->func;
  askr_php_call call;
  call.target = static_cast<const PluginFunction*>(called->internal_function.reserved[reserved_slot]);
  call.given = ZEND_NUM_ARGS();
  call.result = return_value;
  const askr_php_function& function = *call.target->function;
  if (state.options.plugins.is_out(*call.target)) return;  // null
  if (call.given < called->common.required_num_args || call.given > function.parameter_count) {
    zend_wrong_parameters_count_error(called->common.required_num_args, function.parameter_count);
    return;
  }
  for (uint32_t i = 0; i < call.given; ++i) {
    zval* argument = ZEND_CALL_ARG(execute_data, i + 1);
    ZVAL_DEREF(argument);
    if (!take_argument(call, i, parameter_of(function, i).type, argument)) return;
  }
  const askr_status status = pipeline::contain(call.target->plugin, function.name, askr_status{ASKR_E_FAILED},
                                               [&] { return function.call(call.target->self, &call); });
  if (status == ASKR_OK || EG(exception) != nullptr) return;
  zval_ptr_dtor(return_value);
  ZVAL_NULL(return_value);
  zend_throw_error(nullptr, "%s(): %s", function.name, explain(status));
}

const PluginFunction* find(const std::vector<PluginFunction>& plugins, std::string_view name) {
  for (const PluginFunction& each : plugins) {
    if (each.function->name == name && is_sound(*each.function)) return &each;
  }
  return nullptr;
}

}  // namespace

const zend_function_entry* merge_functions(const zend_function_entry* stubs,
                                           const std::vector<PluginFunction>& plugins) {
  static std::vector<zend_function_entry> table;
  for (; stubs->fname != nullptr; ++stubs) {
    if (find(plugins, stubs->fname) == nullptr) table.push_back(*stubs);
  }
  for (const PluginFunction& plugin : plugins) {
    const askr_php_function& function = *plugin.function;
    if (!is_sound(function)) {
      log::error("plugin {}: PHP function {} is left out: types or number of parameters (at most {}) are not possible",
                 plugin.plugin, function.name, askr_php_call::kMostParameters);
      continue;
    }
    zend_function_entry entry{};  // by name: later versions of PHP have more members
    entry.fname = function.name;
    entry.handler = ZEND_FN(askr_plugin_function);
    entry.arg_info = make_signature(function);
    entry.num_args = function.parameter_count;
    table.push_back(entry);
  }
  table.push_back({});
  return table.data();
}

void bind_functions(const std::vector<PluginFunction>& plugins) {
  reserved_slot = zend_get_resource_handle("askr");
  for (const PluginFunction& plugin : plugins) {
    const std::string_view name = plugin.function->name;
    auto* function = static_cast<zend_function*>(zend_hash_str_find_ptr(CG(function_table), name.data(), name.size()));
    if (function == nullptr || function->internal_function.handler != ZEND_FN(askr_plugin_function)) continue;
    function->internal_function.reserved[reserved_slot] = const_cast<PluginFunction*>(&plugin);
  }
}

}  // namespace askr::php
