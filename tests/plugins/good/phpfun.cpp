// PHP functions with every type of parameter and result.
#include <string>

#include "askr/sdk.hpp"

namespace {

const askr_php& php() {
  return *askr::api().php;
}

class PhpFunctions : public askr::Plugin {
 public:
  static constexpr askr::Info info{.id = PLUGIN_ID, .version = "1.0.0", .summary = "PHP functions of every kind"};

  askr::Result<> register_(askr::Registrar registrar) {
    for (const askr_php_function* function : {&kDescribe, &kBuffer, &kFail, &kWarn, &kIncrement}) {
      if (auto added = registrar.add(*function); !added) return added;
    }
    return {};
  }

 private:
  static askr_status describe(void* /*self*/, askr_php_call* call) {
    std::string text = php().int_argument(call, 0) != 0 ? "true" : "false";
    text += " " + std::to_string(php().int_argument(call, 1)) + " " + std::to_string(php().float_argument(call, 2));
    text += " " + std::string(askr::view(php().string_argument(call, 3)));
    text += php().is_given(call, 4) != 0 ? " given" : " left out";
    php().return_string(call, askr::str(text));
    return ASKR_OK;
  }
  static askr_status buffer(void* /*self*/, askr_php_call* call) {
    const auto size = static_cast<size_t>(php().int_argument(call, 0));
    char* bytes = php().return_buffer(call, size);
    if (bytes == nullptr) return ASKR_E_TOO_LARGE;
    std::fill(bytes, bytes + size, 'x');
    return ASKR_OK;
  }
  static askr_status fail(void* /*self*/, askr_php_call* /*call*/) { return ASKR_E_FULL; }
  static askr_status warn(void* /*self*/, askr_php_call* call) {
    php().warn(call, askr::str("take care"));
    php().return_bool(call, 0);
    return ASKR_OK;
  }
  static askr_status increment(void* /*self*/, askr_php_call* call) {
    php().return_int(call, php().int_argument(call, 0) + 1);
    return ASKR_OK;
  }

  static constexpr askr_php_parameter kAll[] = {{"flag", ASKR_PHP_BOOL, 0, nullptr},
                                                {"number", ASKR_PHP_INT, 0, nullptr},
                                                {"real", ASKR_PHP_FLOAT, 0, nullptr},
                                                {"text", ASKR_PHP_STRING, 0, nullptr},
                                                {"maybe", ASKR_PHP_STRING | ASKR_PHP_NULLABLE, 0, "null"}};
  static constexpr askr_php_parameter kNumber[] = {{"number", ASKR_PHP_INT, 0, nullptr}};
  static constexpr askr_php_function kDescribe = {sizeof(askr_php_function),  ASKR_PHP_STRING, "fun_describe", kAll, 5,
                                                  sizeof(askr_php_parameter), describe};
  static constexpr askr_php_function kBuffer = {sizeof(askr_php_function),  ASKR_PHP_STRING, "fun_buffer", kNumber, 1,
                                                sizeof(askr_php_parameter), buffer};
  static constexpr askr_php_function kFail = {
      sizeof(askr_php_function), ASKR_PHP_VOID, "fun_fail", nullptr, 0, 0, fail};
  static constexpr askr_php_function kWarn = {
      sizeof(askr_php_function), ASKR_PHP_BOOL, "fun_warn", nullptr, 0, 0, warn};
  static constexpr askr_php_function kIncrement = {
      sizeof(askr_php_function), ASKR_PHP_INT, "fun_increment", kNumber, 1, sizeof(askr_php_parameter), increment};
};

}  // namespace

ASKR_PLUGIN(PhpFunctions)
