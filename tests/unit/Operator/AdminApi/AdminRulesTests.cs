using System.Buffers;
using System.Text;
using Mooring.Operator.AdminApi;
using Mooring.Operator.AdminApi.InCluster;
using Mooring.Operator.Entities;
using Mooring.Operator.Host;
using Mooring.Operator.Scaling;
using Mooring.Testing;

namespace Mooring.Operator.Tests.AdminApi;

public sealed class AdminRulesTests
{
    [Theory]
    [InlineData(2, 3, null, null, null, null)]
    [InlineData(2, 999, null, null, null, "2 and 999 more are 1001 gateways, and 1000 is the most")]
    [InlineData(2, 3, 1, 4, "External", "2 and 3 more are 5 gateways, and spec.scaling.maxReplicas is 4")]
    [InlineData(2, 2, 1, 4, "External", null)]
    [InlineData(2, -2, null, null, null, null)]
    [InlineData(2, -3, null, null, null, "2 less 3 are -1 gateways: there are only 2")]
    [InlineData(4, -3, null, 4, "Operator", "4 less 3 are 1 gateways, and spec.scaling.minReplicas is 2")]
    [InlineData(4, -3, 1, 4, "Operator", null)]
    // Out of its bounds already: the way back is open.
    [InlineData(9, -1, 1, 4, "External", null)]
    [InlineData(1, 1, 3, 4, "External", null)]
    public void Scale_WithinTheBounds(int current, int change, int? minimum, int? maximum, string? driver, string? message)
    {
        var spec = new FleetSpec
        {
            Scaling = maximum is null
                ? null
                : new ScalingSpec
                {
                    MinReplicas = minimum,
                    MaxReplicas = maximum,
                    Driver = driver,
                },
        };
        var problem = ScaleRules.Check(spec, current, change);
        problem?.Errors.ShouldHaveSingleItem().ShouldBe(new ProblemField("instances", message!));
        (problem is null).ShouldBe(message is null);
    }

    [Theory]
    [InlineData("""{"instances": 2}""", 2, null)]
    [InlineData("""{"instances": 1000}""", 1000, null)]
    [InlineData("""{"instances": 0}""", 0, "instances: must be a whole number of 1 to 1000, not 0")]
    [InlineData("""{"instances": 1001}""", 0, "instances: must be a whole number of 1 to 1000, not 1001")]
    [InlineData("""{"instances": 1.5}""", 0, "instances: must be a whole number of 1 to 1000, not 1.5")]
    [InlineData("""{"instances": "2"}""", 0, "instances: must be a whole number of 1 to 1000, not \"2\"")]
    [InlineData("""{"instances": null}""", 0, "instances: must be a whole number of 1 to 1000, not null")]
    [InlineData("""{"instances": 99999999999999999999}""", 0, "instances: must be a whole number of 1 to 1000, not 99999999999999999999")]
    [InlineData("""{"count": 2}""", 0, "count: unknown field; there is instances")]
    [InlineData("{}", 0, "instances: required")]
    [InlineData("[]", 0, ": must be an object such as {\"instances\": 2}")]
    [InlineData("", 0, ": not JSON: line 1, byte 1")]
    [InlineData("{\n\"instances\": 2,}", 0, ": not JSON: line 2, byte 16")]
    [InlineData("""{"instances": [[[[[2]]]]]}""", 0, ": not JSON: line 1, byte 18")]
    public void Body_NamesTheField(string json, int instances, string? detail)
    {
        var outcome = RequestBody.Parse(new ReadOnlySequence<byte>(Encoding.UTF8.GetBytes(json)));
        outcome.Value?.Instances.ShouldBe(instances);
        outcome.Problem?.Detail.ShouldBe(detail);
        outcome.Problem?.Status.ShouldBe(400);
        outcome.Succeeded.ShouldBe(detail is null);
    }

    [Theory]
    [InlineData("{\"\\ud800\": 1}")]
    [InlineData("{\"\u00ff\": 1}")]
    [InlineData("{\"instances\": \"\u00ff\"}")]
    public void Body_TextThatIsNotUnicode_IsTheCallersFault(string latin)
    {
        var outcome = RequestBody.Parse(new ReadOnlySequence<byte>(Encoding.Latin1.GetBytes(latin)));
        outcome.Problem.ShouldNotBeNull().Status.ShouldBe(400);
        outcome.Problem.Detail.ShouldContain("not Unicode");
    }

    [Fact]
    public void Body_LongNameOfPairs_IsCutBetweenThem()
    {
        var name = "a" + string.Concat(Enumerable.Repeat("\U0001F40B", 40));
        var outcome = RequestBody.Parse(new ReadOnlySequence<byte>(Encoding.UTF8.GetBytes($$"""{"{{name}}": 1}""")));
        outcome.Problem.ShouldNotBeNull().Detail.ShouldStartWith($"{name[..39]}…");
    }

    [Fact]
    public void Hold_OnlyWhatCanBe()
    {
        var (spec, at) = (new FleetSpec(), DateTimeOffset.UnixEpoch);
        HoldRules.Check(spec, "g", null, GatewayHold.Drain).ShouldBeNull();
        HoldRules.Check(spec, "g", null, null).ShouldBeNull();
        HoldRules.Check(spec, "g", new DrainMark(DrainCauses.Manual, at, at), null).ShouldBeNull();
        HoldRules.Check(spec, "g", new DrainMark(DrainCauses.Rollout, at), null)!.Detail.ShouldContain("goes because of a rollout");
        HoldRules.Check(spec, "g", new DrainMark(DrainCauses.Manual, at, at), GatewayHold.Cordon)!.Detail.ShouldContain("drains already");
        HoldRules.Check(spec, "g", new DrainMark(DrainCauses.Manual, at, at, at, true), null)!.Status.ShouldBe(409);
        HoldRules.Check(spec with { Paused = true }, "g", null, GatewayHold.Cordon)!.Detail.ShouldContain("paused");
        HoldRules.Check(spec with { Paused = true }, "g", null, null).ShouldBeNull();
    }

    [Fact]
    public void Cache_IsBriefAndBounded()
    {
        var time = new ManualTime();
        var cache = new BriefCache<int>(capacity: 100, TimeSpan.FromSeconds(10), time);
        foreach (var number in Enumerable.Range(0, 1000))
        {
            cache.Keep($"{number}", number);
            cache.Count.ShouldBeLessThanOrEqualTo(100);
        }

        cache.TryFind("999", out var value).ShouldBeTrue();
        value.ShouldBe(999);
        time.Advance(TimeSpan.FromSeconds(11));
        cache.TryFind("999", out _).ShouldBeFalse();
    }

    [Fact]
    public void Overrides_LastUntilTheManifestSaysSomethingNewOfThatField()
    {
        var manifest = new FleetSpec
        {
            Gateway = new GatewaySpec { Replicas = 2 },
            Scaling = new ScalingSpec(),
        };
        var overrides = new FleetOverrides();
        overrides.Scale(manifest, 5);
        overrides.Pause(manifest, true);
        overrides.PauseScaling(manifest, true);
        var adapted = overrides.Adapt(manifest);
        (adapted.Gateway.Replicas, adapted.Paused, adapted.Scaling!.Paused).ShouldBe((5, true, true));

        // Another field is edited, then the number.
        adapted = overrides.Adapt(manifest with { Gateway = manifest.Gateway with { Image = "new" } });
        (adapted.Gateway.Replicas, adapted.Gateway.Image).ShouldBe((5, "new"));
        var edited = manifest with { Gateway = new GatewaySpec { Replicas = 3 } };
        adapted = overrides.Adapt(edited);
        (adapted.Gateway.Replicas, adapted.Paused).ShouldBe((3, true));

        // An edit that never came into force has overtaken nothing; one that did has, for good.
        overrides.Adapt(manifest).Gateway.Replicas.ShouldBe(5);
        adapted = overrides.Under(edited).Adapt(manifest);
        (adapted.Gateway.Replicas, adapted.Paused).ShouldBe((2, true));
    }

    [Fact]
    public async Task Token_IsMadeForTheOwnerAlone_AndAFileThatOthersReadIsRefused()
    {
        var folder = Directory.CreateTempSubdirectory("mooring-token-");
        try
        {
            var path = Path.Combine(folder.FullName, "token");
            var token = await AdminToken.EnsureAsync(path, default);
            token.Length.ShouldBe(64);
            File.GetUnixFileMode(path).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);
            (await AdminToken.EnsureAsync(path, default)).ShouldBe(token);

            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead);
            (await Should.ThrowAsync<IOException>(AdminToken.EnsureAsync(path, default))).Message.ShouldContain("others may read it");
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            await File.WriteAllTextAsync(path, "short");
            (await Should.ThrowAsync<IOException>(AdminToken.EnsureAsync(path, default))).Message.ShouldContain("at least 16 characters");
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
