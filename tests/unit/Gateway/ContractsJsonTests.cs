using System.Text;
using System.Text.Json;
using Mooring.Contracts;
using Mooring.Contracts.Configuration;

namespace Mooring.Gateway.Tests;

public sealed class ContractsJsonTests
{
    [Theory]
    [InlineData(
        """{"fleet":"a/b","registry":{"redis":{"endpoints":[]}}}""",
        "registry.redis.endpoints: there is no such field (line 1, byte 48)"
    )]
    [InlineData(
        """{"fleet":"a/b","drain":{"jitter":"x"}}""",
        "drain.jitter: 'x' is not a duration such as 10s, 1h30m or 250ms (line 1, byte 38)"
    )]
    [InlineData("""{"fleet":"a/b","drain":null}""", "drain: must not be null (line 1, byte 28)")]
    [InlineData("""{"fleet":null}""", "fleet: must not be null (line 1, byte 13)")]
    [InlineData("{}", "the config: must have fleet (line 1, byte 2)")]
    [InlineData("""{"fleet":"a/b","listeners":[{"name":"a"}]}""", "listeners[0]: must have protocol, port (line 1, byte 42)")]
    [InlineData("""{"fleet":"a/b","listeners":{}}""", "listeners: has a value of the wrong form (line 1, byte 30)")]
    [InlineData("{\"fleet\":\n5}", "fleet: has a value of the wrong form (line 2, byte 1)")]
    [InlineData("{\"fleet\":\nx}", "fleet: 'x' is an invalid start of a value (line 2, byte 0)")]
    [InlineData(
        "",
        "the config: The input does not contain any JSON tokens. Expected the input to start with a valid JSON token, when isFinalBlock is true (line 1, byte 0)"
    )]
    public void ParseConfig_Mistake_IsToldWithItsPlace(string json, string message) =>
        Should.Throw<JsonException>(() => ContractsJson.ParseConfig(Encoding.UTF8.GetBytes(json))).Message.ShouldBe(message);

    [Fact]
    public void ParseConfig_MembersLeftOut_TakeTheirDefaults()
    {
        var config = ContractsJson.ParseConfig("""{"fleet": "default/a", "drain": {"jitter": "1s"}, "backends": [{"name": "b"}]}"""u8);

        config.Version.ShouldBe(1);
        config.Capacity.ShouldBe(new CapacityConfig());
        config.Drain.ShouldBe(new DrainConfig { Jitter = TimeSpan.FromSeconds(1) });
        config.Listeners.ShouldBeEmpty();
        config.Backends[0].ConnectTimeout.ShouldBe(TimeSpan.FromSeconds(5));
        config.Backends[0].PassiveHealth.ShouldBe(new PassiveHealthConfig());
    }
}
