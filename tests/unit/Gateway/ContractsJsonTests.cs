using Mooring.Contracts;
using Mooring.Contracts.Configuration;

namespace Mooring.Gateway.Tests;

public sealed class ContractsJsonTests
{
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
