// Data. One row per model: name; input, output and cached price in micro-USD per million tokens;
// context and output limit; what it can do. See the header for where this is from.

#include "config/catalog.hpp"

#include <algorithm>
#include <iterator>

namespace keel::relay {

namespace {

constexpr int64_t kMicro = 1000;  // micro-USD in nano-USD

constexpr CatalogModel kOpenai[] = {
    {"gpt-3.5-turbo", 500'000, 1'500'000, -1, 16'385, 4'096, ""},
    {"gpt-4", 30'000'000, 60'000'000, -1, 8'192, 8'192, "T"},
    {"gpt-4-turbo", 10'000'000, 30'000'000, -1, 128'000, 4'096, "TI"},
    {"gpt-4.1", 2'000'000, 8'000'000, 500'000, 1'047'576, 32'768, "TSI"},
    {"gpt-4.1-mini", 400'000, 1'600'000, 100'000, 1'047'576, 32'768, "TSI"},
    {"gpt-4.1-nano", 100'000, 400'000, 25'000, 1'047'576, 32'768, "TSI"},
    {"gpt-4o", 2'500'000, 10'000'000, 1'250'000, 128'000, 16'384, "TSI"},
    {"gpt-4o-mini", 150'000, 600'000, 75'000, 128'000, 16'384, "TSI"},
    {"gpt-5", 1'250'000, 10'000'000, 125'000, 400'000, 128'000, "TSIR"},
    {"gpt-5-chat-latest", 1'250'000, 10'000'000, 125'000, 400'000, 128'000, "SIR"},
    {"gpt-5-mini", 250'000, 2'000'000, 25'000, 400'000, 128'000, "TSIR"},
    {"gpt-5-nano", 50'000, 400'000, 5'000, 400'000, 128'000, "TSIR"},
    {"gpt-5.1", 1'250'000, 10'000'000, 125'000, 400'000, 128'000, "TSIR"},
    {"gpt-5.1-chat-latest", 1'250'000, 10'000'000, 125'000, 128'000, 16'384, "TSIR"},
    {"gpt-5.2", 1'750'000, 14'000'000, 175'000, 400'000, 128'000, "TSIR"},
    {"gpt-5.2-chat-latest", 1'750'000, 14'000'000, 175'000, 128'000, 16'384, "TSIR"},
    {"gpt-5.3-chat-latest", 1'750'000, 14'000'000, 175'000, 128'000, 16'384, "TSI"},
    {"gpt-5.4", 2'500'000, 15'000'000, 250'000, 272'000, 128'000, "TSIR"},
    {"gpt-5.4-mini", 750'000, 4'500'000, 75'000, 400'000, 128'000, "TSIR"},
    {"gpt-5.4-nano", 200'000, 1'250'000, 20'000, 400'000, 128'000, "TSIR"},
    {"gpt-5.5", 5'000'000, 30'000'000, 500'000, 272'000, 128'000, "TSIR"},
    {"o1", 15'000'000, 60'000'000, 7'500'000, 200'000, 100'000, "TSIR"},
    {"o3", 2'000'000, 8'000'000, 500'000, 200'000, 100'000, "TSIR"},
    {"o3-mini", 1'100'000, 4'400'000, 550'000, 200'000, 100'000, "TSR"},
    {"o4-mini", 1'100'000, 4'400'000, 275'000, 200'000, 100'000, "TSIR"},
    {"text-embedding-3-large", 130'000, 0, -1, 8'191, 0, "S"},
    {"text-embedding-3-small", 20'000, 0, -1, 8'191, 0, "S"},
    {"text-embedding-ada-002", 100'000, 0, -1, 8'192, 0, "S"},
};

constexpr CatalogModel kDeepseek[] = {
    {"deepseek-chat", 140'000, 280'000, 2'800, 1'000'000, 384'000, "TS"},
    {"deepseek-reasoner", 140'000, 280'000, 2'800, 1'000'000, 384'000, "TSR"},
    {"deepseek-v4-flash", 140'000, 280'000, 2'800, 1'000'000, 384'000, "TSR"},
    {"deepseek-v4-pro", 435'000, 870'000, 3'625, 1'000'000, 384'000, "TSR"},
};

constexpr CatalogModel kMistral[] = {
    {"codestral-latest", 300'000, 900'000, -1, 256'000, 4'096, "TS"},
    {"magistral-medium-latest", 2'000'000, 5'000'000, -1, 128'000, 16'384, "TSR"},
    {"magistral-small", 500'000, 1'500'000, -1, 128'000, 128'000, "TSR"},
    {"ministral-8b-latest", 100'000, 100'000, -1, 128'000, 128'000, "TS"},
    {"mistral-embed", 100'000, 0, -1, 8'000, 0, "S"},
    {"mistral-large-2512", 500'000, 1'500'000, -1, 262'144, 262'144, "TSI"},
    {"mistral-large-latest", 500'000, 1'500'000, -1, 262'144, 262'144, "TSI"},
    {"mistral-medium-2604", 1'500'000, 7'500'000, -1, 262'144, 262'144, "TSIR"},
    {"mistral-medium-latest", 400'000, 2'000'000, -1, 262'144, 262'144, "TSI"},
    {"mistral-nemo", 150'000, 150'000, -1, 128'000, 128'000, "TS"},
    {"mistral-small-2603", 150'000, 600'000, -1, 256'000, 256'000, "TSIR"},
    {"mistral-small-latest", 150'000, 600'000, -1, 256'000, 256'000, "TSIR"},
};

constexpr CatalogModel kGroq[] = {
    {"llama-3.1-8b-instant", 50'000, 80'000, -1, 131'072, 131'072, "TS"},
    {"llama-3.3-70b-versatile", 590'000, 790'000, -1, 131'072, 32'768, "TS"},
    {"openai/gpt-oss-120b", 150'000, 600'000, 75'000, 131'072, 65'536, "TSR"},
    {"openai/gpt-oss-20b", 75'000, 300'000, 37'500, 131'072, 65'536, "TSR"},
};

constexpr CatalogModel kTogether[] = {
    {"MiniMaxAI/MiniMax-M2.7", 300'000, 1'200'000, 60'000, 202'752, 131'072, "TSR"},
    {"MiniMaxAI/MiniMax-M3", 300'000, 1'200'000, 60'000, 524'288, 250'000, "TSIR"},
    {"Qwen/Qwen3.5-397B-A17B", 600'000, 3'600'000, 350'000, 262'144, 130'000, "TSIR"},
    {"Qwen/Qwen3.5-9B", 170'000, 250'000, -1, 262'144, 65'536, "TSIR"},
    {"Qwen/Qwen3.6-Plus", 500'000, 3'000'000, -1, 1'000'000, 500'000, "TSR"},
    {"Qwen/Qwen3.7-Max", 1'250'000, 3'750'000, 130'000, 1'000'000, 500'000, "TS"},
    {"deepseek-ai/DeepSeek-V4-Pro", 1'740'000, 3'480'000, 200'000, 512'000, 384'000, "TSR"},
    {"google/gemma-4-31B-it", 390'000, 970'000, -1, 262'144, 131'072, "TSIR"},
    {"meta-llama/Llama-3.3-70B-Instruct-Turbo", 880'000, 880'000, -1, 131'072, 131'072, "TS"},
    {"moonshotai/Kimi-K2.6", 1'200'000, 4'500'000, 200'000, 262'144, 131'000, "TSIR"},
    {"moonshotai/Kimi-K2.7-Code", 950'000, 4'000'000, 190'000, 262'144, 131'072, "TSR"},
    {"nvidia/nemotron-3-ultra-550b-a55b", 600'000, 3'600'000, 200'000, 512'300, 512'300, "TSR"},
    {"openai/gpt-oss-120b", 150'000, 600'000, -1, 131'072, 131'072, "TSR"},
    {"openai/gpt-oss-20b", 50'000, 200'000, -1, 131'072, 131'072, "TSR"},
    {"zai-org/GLM-5", 1'000'000, 3'200'000, -1, 202'752, 131'072, "TSR"},
    {"zai-org/GLM-5.1", 1'400'000, 4'400'000, -1, 202'752, 131'072, "TSR"},
    {"zai-org/GLM-5.2", 1'400'000, 4'400'000, 260'000, 262'144, 164'000, "TSR"},
};

constexpr CatalogModel kFireworks[] = {
    {"accounts/fireworks/models/deepseek-v4-flash", 140'000, 280'000, 28'000, 1'000'000, 384'000,
     "TSR"},
    {"accounts/fireworks/models/deepseek-v4-pro", 1'740'000, 3'480'000, 145'000, 1'000'000, 384'000,
     "TSR"},
    {"accounts/fireworks/models/glm-5p1", 1'400'000, 4'400'000, 260'000, 202'800, 131'072, "TSR"},
    {"accounts/fireworks/models/glm-5p2", 1'400'000, 4'400'000, 260'000, 1'048'575, 131'072, "TSR"},
    {"accounts/fireworks/models/gpt-oss-120b", 150'000, 600'000, 15'000, 131'072, 32'768, "TSR"},
    {"accounts/fireworks/models/gpt-oss-20b", 70'000, 300'000, 35'000, 131'072, 32'768, "TSR"},
    {"accounts/fireworks/models/kimi-k2p6", 950'000, 4'000'000, 160'000, 262'000, 262'000, "TSIR"},
    {"accounts/fireworks/models/kimi-k2p7-code", 950'000, 4'000'000, 190'000, 262'000, 262'000,
     "TSIR"},
    {"accounts/fireworks/models/minimax-m2p7", 300'000, 1'200'000, 60'000, 196'608, 196'608, "TSR"},
    {"accounts/fireworks/models/minimax-m3", 300'000, 1'200'000, 60'000, 512'000, 512'000, "TSR"},
    {"accounts/fireworks/models/qwen3p7-plus", 400'000, 1'600'000, 80'000, 262'144, 65'536, "TSIR"},
};

constexpr CatalogModel kXai[] = {
    {"grok-4.20-0309-non-reasoning", 1'250'000, 2'500'000, 200'000, 200'000, 30'000, "TSI"},
    {"grok-4.20-0309-reasoning", 1'250'000, 2'500'000, 200'000, 200'000, 30'000, "TSIR"},
    {"grok-4.3", 1'250'000, 2'500'000, 200'000, 200'000, 30'000, "TSIR"},
};

}  // namespace

const std::vector<CatalogProvider>& catalog() {
  static const std::vector<CatalogProvider> all = {
      {"openai", "https://api.openai.com/v1", "OPENAI_API_KEY", kOpenai, std::size(kOpenai)},
      {"deepseek", "https://api.deepseek.com", "DEEPSEEK_API_KEY", kDeepseek, std::size(kDeepseek)},
      {"mistral", "https://api.mistral.ai/v1", "MISTRAL_API_KEY", kMistral, std::size(kMistral)},
      {"groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY", kGroq, std::size(kGroq)},
      {"together", "https://api.together.xyz/v1", "TOGETHER_API_KEY", kTogether,
       std::size(kTogether)},
      {"fireworks", "https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY", kFireworks,
       std::size(kFireworks)},
      {"xai", "https://api.x.ai/v1", "XAI_API_KEY", kXai, std::size(kXai)},
  };
  return all;
}

const CatalogProvider* catalog_provider(std::string_view name) {
  const auto& all = catalog();
  auto at = std::find_if(all.begin(), all.end(), [&](const auto& p) { return p.name == name; });
  return at == all.end() ? nullptr : &*at;
}

std::optional<ModelConfig> catalog_model(const CatalogProvider& provider, std::string_view name) {
  const CatalogModel* end = provider.models + provider.model_count;
  const CatalogModel* row =
      std::find_if(provider.models, end, [&](const CatalogModel& m) { return m.name == name; });
  if (row == end) return std::nullopt;
  ModelConfig model;
  model.name = row->name;
  Price price{.in = row->in * kMicro, .out = row->out * kMicro, .cached = {}, .cache_write = {}};
  if (row->cached >= 0) price.cached = row->cached * kMicro;
  model.price = price;
  model.context_tokens = row->context;
  model.output_tokens = row->output;
  // Audio input is not in any of these rows.
  auto can = [&](char what) { return row->abilities.find(what) != std::string_view::npos; };
  model.lacks = {.tools = !can('T'), .schema = !can('S'), .images = !can('I'), .audio = true};
  model.reasoning = can('R');
  return model;
}

}  // namespace keel::relay
