#include "server/tenants.hpp"

#include "server/scene.hpp"

namespace keel::server {
namespace {

using Kind = Caller::Kind;

relay::Config two_tenants() {
  relay::Config config;
  config.accounts.resize(3);
  config.accounts[1].name = "shop";
  config.accounts[1].client_keys = {sha256_hex("sk-shop"), sha256_hex("sk-shop-2")};
  config.accounts[2].name = "lab";
  config.accounts[2].client_keys = {sha256_hex("sk-lab")};
  return config;
}

struct TenantsTest : testing::Test {
  Tenants tenants{two_tenants()};
  WrongKeys wrong;
  Instant now{seconds(1000).ns};

  Caller ask(const std::string& key, const std::string& from = "10.0.0.1") {
    return tenants.identify(head_with("authorization: Bearer " + key + "\r\n"), from, wrong, now);
  }
};

TEST_F(TenantsTest, ADigestIsSha256) {
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_F(TenantsTest, KnowsAKeyInEachHeader) {
  EXPECT_EQ(ask("sk-shop").tenant, "shop");
  EXPECT_EQ(ask("sk-shop-2").tenant, "shop");
  for (const char* name : {"x-api-key", "api-key"}) {
    const auto head = head_with(std::string(name) + ": sk-lab\r\n");
    const Caller caller = tenants.identify(head, "a", wrong, now);
    EXPECT_EQ(caller.kind, Kind::known) << name;
    EXPECT_EQ(caller.tenant, "lab") << name;
  }
}

TEST_F(TenantsTest, KnowsNothingElse) {
  EXPECT_EQ(tenants.identify(head_with(""), "a", wrong, now).kind, Kind::no_key);
  EXPECT_EQ(tenants.identify(head_with("authorization: Basic sk-shop\r\n"), "a", wrong, now).kind,
            Kind::no_key);
  EXPECT_EQ(ask("sk-sho").kind, Kind::wrong_key);
  // What is stored is no key.
  EXPECT_EQ(ask(sha256_hex("sk-shop")).kind, Kind::wrong_key);
  EXPECT_EQ(ask("sha256:" + sha256_hex("sk-shop")).kind, Kind::wrong_key);
}

TEST_F(TenantsTest, AKeyIsKnownAgainForItsOwnTenantOnly) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(ask("sk-shop").tenant, "shop");
    EXPECT_EQ(ask("sk-lab").tenant, "lab");
    EXPECT_EQ(ask("sk-sho").kind, Kind::wrong_key);
  }
  relay::Config config = two_tenants();
  config.accounts[1].client_keys.clear();
  Tenants reloaded(config);
  EXPECT_EQ(reloaded.identify(head_with("api-key: sk-shop\r\n"), "10.0.0.1", wrong, now).kind,
            Kind::wrong_key);
}

TEST_F(TenantsTest, WithoutTenantsNoKeyIsAsked) {
  Tenants none{relay::Config{}};
  EXPECT_FALSE(none.any());
  EXPECT_EQ(none.identify(head_with(""), "a", wrong, now).kind, Kind::known);
}

TEST_F(TenantsTest, GuessingIsSlowAndHindersNobodyElse) {
  EXPECT_EQ(ask("sk-shop").kind, Kind::known);
  int tried = 0;
  while (ask("guess" + std::to_string(tried)).kind == Kind::wrong_key) ++tried;
  EXPECT_EQ(tried, WrongKeys::kBurst);
  EXPECT_EQ(ask("sk-lab").kind, Kind::too_many);  // right, but not known to be
  EXPECT_GT(ask("sk-lab").retry_after, Duration::zero());
  EXPECT_EQ(ask("sk-shop").kind, Kind::known);  // used well from here before
  EXPECT_EQ(ask("sk-lab", "10.0.0.2").kind, Kind::known);
  now = now + seconds(10);
  EXPECT_EQ(ask("sk-lab").kind, Kind::known);
  now = now + minutes(10);
  EXPECT_EQ(ask("another guess").kind, Kind::wrong_key);
}

TEST_F(TenantsTest, MemoryIsBounded) {
  for (int i = 0; i < 10'000; ++i) ask("guess", "10.1." + std::to_string(i));
  EXPECT_EQ(ask("sk-shop", "10.1.1").kind, Kind::known);
}

}  // namespace
}  // namespace keel::server
