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

    [Fact]
    public async Task Step_MemoryIsWhatTheOptionsSay()
    {
        await using var rig = new HostRig();
        var redis = new HostRedis(rig.Context);

        redis.Step(rig.Time.GetUtcNow(), wanted: true);

        var config = await File.ReadAllLinesAsync(Path.Combine(rig.StateDirectory, "redis.conf"));
        config.ShouldContain($"maxmemory {256 << 20}");
        config.ShouldContain("maxmemory-policy noeviction");
        redis.Step(rig.Time.GetUtcNow(), wanted: false);
    }

    [Theory]
    [InlineData("16Mi", true)]
    [InlineData("2G", true)]
    [InlineData("1Mi", false)]
    [InlineData("-1Gi", false)]
    [InlineData("lots", false)]
    public void RedisMemory_IsAnAmountThatIsEnough(string amount, bool good) =>
        UpCommand.Create().Parse(["-f", "fleet.yaml", $"--redis-memory={amount}"]).Errors.Count.ShouldBe(good ? 0 : 1);
}
