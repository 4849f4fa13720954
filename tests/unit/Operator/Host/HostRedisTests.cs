using Mooring.Operator.Host;

namespace Mooring.Operator.Tests.Host;

public sealed class HostRedisTests
{
    [Fact]
    public async Task Step_StateDirectoryIsGone_GoesOn()
    {
        await using var rig = new HostRig();
        var redis = new HostRedis(rig.Context);
        Directory.Delete(rig.StateDirectory, recursive: true);
        redis.Step(rig.Time.GetUtcNow(), wanted: true);
        redis.Slot.ShouldNotBeNull();
        redis.Step(rig.Time.GetUtcNow(), wanted: false);
        redis.Slot.ShouldBeNull();
    }
}
