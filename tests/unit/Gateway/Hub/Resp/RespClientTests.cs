using Mooring.Gateway.Hub.Resp;
using Mooring.Gateway.Tests.Registry;
using Mooring.Testing;
using Mooring.Testing.Faults;
using Mooring.Testing.Redis;

namespace Mooring.Gateway.Tests.Hub.Resp;

/// <summary>Calls to a real redis-server.</summary>
public sealed class RespClientTests(SharedRedis shared) : IClassFixture<SharedRedis>
{
    internal static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task Calls_ManyAtOnce_GetTheirOwnAnswers()
    {
        await using var client = await ConnectAsync(Settings(shared.Server.Port));
        var key = $"count:{Guid.NewGuid()}";
        var answers = await Task.WhenAll(
            Enumerable.Range(0, 5000).Select(i => client.CallAsync(RespCommand.For(key, "ECHO", $"{i}"), Deadline))
        );
        answers.Select(answer => answer.Text).ShouldBe(Enumerable.Range(0, 5000).Select(i => $"{i}"));

        var large = new byte[3_000_000];
        Random.Shared.NextBytes(large);
        await client.CallAsync(RespCommand.For(key, "SET", key, large, "EX", 60), Deadline);
        (await client.CallAsync(RespCommand.For(key, "GET", key), Deadline)).Bytes.ToArray().ShouldBe(large);
        (await client.CallAsync(RespCommand.For(key, "GET", key + "none"), Deadline)).IsNull.ShouldBeTrue();
    }

    [Fact]
    public async Task ErrorsOfTheServer_AreThrownAndHarmNothingElse()
    {
        await using var client = await ConnectAsync(Settings(shared.Server.Port));
        var wrong = client.CallAsync(RespCommand.Of("NOSUCH"), Deadline);
        var right = client.CallAsync(RespCommand.Of("ECHO", "a"), Deadline);
        (await Should.ThrowAsync<RespServerException>(() => wrong)).Code.ShouldBe("ERR");
        (await right).Text.ShouldBe("a");
    }

    [Fact]
    public async Task Script_IsSentWholeOnlyOnce()
    {
        await using var client = await ConnectAsync(Settings(shared.Server.Port));
        var script = new RespScript($"return {{KEYS[1], ARGV[1], {Random.Shared.Next()}}}");
        for (var i = 0; i < 2; i++)
        {
            (await client.RunAsync(script, ["k"], ["v"], Deadline)).Items[1].Text.ShouldBe("v");
        }
    }

    [Fact]
    public async Task Hang_CallsFailByTheirDeadline_WithinTheLimits_AndTheConnectionIsMadeAnew()
    {
        await using var redis = await RedisServer.StartAsync();
        var counters = new RespCounters();
        var limits = new RespLimits
        {
            MaxInFlight = 100,
            MaxUnsent = 1_000_000,
            DeadAfter = TimeSpan.FromSeconds(2),
        };
        await using var client = await ConnectAsync(Settings(redis.Port) with { Limits = limits }, counters);
        redis.Hang();
        var errors = await Task.WhenAll(
                Enumerable
                    .Range(0, 300)
                    .Select(_ => Record.ExceptionAsync(() => client.CallAsync(RespCommand.Of("PING"), TimeSpan.FromSeconds(1))))
            )
            .WaitAsync(Limit);
        errors.ShouldAllBe(error => error is RespUnavailableException);
        errors.Count(error => !((RespUnavailableException)error!).MayHaveRun).ShouldBeGreaterThanOrEqualTo(200);
        errors.Count(error => error!.Message == "no answer in time").ShouldBeGreaterThan(0);

        // What the kernel does not take waits, up to the limit.
        var large = RespCommand.Of("ECHO", new byte[400_000]);
        var refused = await Task.WhenAll(
                Enumerable.Range(0, 60).Select(_ => Record.ExceptionAsync(() => client.CallAsync(large, TimeSpan.FromSeconds(1))))
            )
            .WaitAsync(Limit);
        refused.ShouldAllBe(error => error is RespUnavailableException);
        client.Unsent.ShouldBeLessThanOrEqualTo(1_000_000);
        await Until.TrueAsync(() => client.Problem is not null, Limit, "the connection is thrown away");
        counters.Timeouts.ShouldBeGreaterThan(0);
        counters.Refused.ShouldBeGreaterThan(0);

        redis.Resume();
        await Until.TrueAsync(async () => (await client.CallAsync(RespCommand.Ping, Deadline)).Text == "PONG", Limit, "it answers again");
        counters.Connects.ShouldBeGreaterThan(1);
        client.InFlight.ShouldBeLessThanOrEqualTo(1);
    }

    [Fact]
    public async Task FarAway_ManyScriptsAreLoadedInOneTrip()
    {
        var far = FaultPlan.None with { DelayOneIn = 1, Delay = TimeSpan.FromMilliseconds(200) };
        using var network = new FaultProxy(shared.Server.Port, _ => (FaultPlan.None, far));
        var scripts = Enumerable.Range(0, 12).Select(static i => new RespScript($"return {{KEYS[1], {i}}}")).ToList();
        var counters = new RespCounters();
        // One after the other they would take longer than connecting may.
        await using var client = new RespClient(Settings(network.Port) with { Scripts = scripts }, counters, TimeProvider.System);

        await Until.TrueAsync(() => client.Problem is null, Limit, "it is connected");
        (await client.RunAsync(scripts[11], ["k"], [], Deadline)).Items[1].Integer.ShouldBe(11);
    }

    [Fact]
    public async Task Restart_IsConnectedToAnew_AndScriptsAreSentAgain()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var client = await ConnectAsync(Settings(redis.Port));
        var script = new RespScript("return redis.call('INCR', KEYS[1])");
        (await client.RunAsync(script, ["k"], [], Deadline)).Integer.ShouldBe(1);
        redis.Kill();
        await Should.ThrowAsync<RespException>(async () =>
        {
            while (true)
            {
                await client.CallAsync(RespCommand.Ping, Deadline);
            }
        });
        await redis.StartAgainAsync();
        await Until.TrueAsync(async () => (await client.RunAsync(script, ["k"], [], Deadline)).Integer == 1, Limit, "it is back, empty");
    }

    [Fact]
    public async Task HalfOpenNetwork_IsFoundAndConnectedAnew()
    {
        await using var network = new StallProxy(shared.Server.Port);
        var limits = new RespLimits { DeadAfter = TimeSpan.FromSeconds(2) };
        var counters = new RespCounters();
        await using var client = await ConnectAsync(Settings(network.Port) with { Limits = limits }, counters);
        network.Stall();
        await Until.TrueAsync(() => counters.Connects > 1 && client.Problem is null, Limit, "another connection is there");
        (await client.CallAsync(RespCommand.Ping, Deadline)).Text.ShouldBe("PONG");
    }

    [Fact]
    public async Task OwnProcessStopped_TheConnectionIsKept()
    {
        var time = new JumpingTime();
        var counters = new RespCounters();
        var settings = Patient(shared.Server.Port);
        settings = settings with { Limits = settings.Limits with { PingAfter = TimeSpan.FromMilliseconds(50) } };
        await using var client = new RespClient(settings, counters, time);
        await Until.TrueAsync(() => client.Problem is null, Limit, "it is connected");
        for (var i = 0; i < 10; i++)
        {
            // The clock has gone on, and what came meanwhile is not read yet.
            var received = counters.ReceivedBytes;
            time.Jump(settings.Limits.DeadAfter * 2);
            await Until.TrueAsync(() => counters.ReceivedBytes > received, Limit, "the server was asked and has answered");
        }

        counters.Connects.ShouldBe(1);
    }

    [Fact]
    public async Task OwnProcessStopped_AfterATimeInWhichOnlyPingsWereAnswered_TheConnectionIsKept()
    {
        var time = new JumpingTime();
        var counters = new RespCounters();
        var limits = new RespLimits { PingAfter = TimeSpan.FromMilliseconds(500), DeadAfter = TimeSpan.FromSeconds(2) };
        await using var client = new RespClient(Settings(shared.Server.Port) with { Limits = limits }, counters, time);
        await Until.TrueAsync(() => client.Problem is null, Limit, "it is connected");
        for (var pings = 0; pings < 4; pings++)
        {
            await AnsweredAsync(0 * limits.DeadAfter);
        }

        await AnsweredAsync(2 * limits.DeadAfter);
        counters.Connects.ShouldBe(1);

        async Task AnsweredAsync(TimeSpan jump)
        {
            var received = counters.ReceivedBytes;
            time.Jump(jump);
            await Until.TrueAsync(() => counters.ReceivedBytes > received, Limit, "the server was asked and has answered");
        }
    }

    [Fact]
    public async Task UsersOfAnAclAndPasswords_AreWhoTheySayOrNobody()
    {
        await using var redis = await RedisServer.StartAsync("--requirepass", "secret");
        await redis.CliAsync("-a", "secret", "ACL", "SETUSER", "hub", "on", ">word", "~hub:*", "+@all");
        var settings = Settings(redis.Port);
        await using var user = await ConnectAsync(settings with { Username = "hub", Password = Password("word") });
        (await user.CallAsync(RespCommand.Of("ACL", "WHOAMI"), Deadline)).Text.ShouldBe("hub");
        (await Should.ThrowAsync<RespServerException>(() => user.CallAsync(RespCommand.For("x", "GET", "x"), Deadline))).Code.ShouldBe(
            "NOPERM"
        );
        await using var normal = await ConnectAsync(settings with { Password = Password("secret") });
        (await normal.CallAsync(RespCommand.Of("ACL", "WHOAMI"), Deadline)).Text.ShouldBe("default");

        await using var wrong = new RespClient(settings with { Password = Password("guess") }, new RespCounters(), TimeProvider.System);
        await Until.TrueAsync(() => wrong.Problem?.Contains("WRONGPASS", StringComparison.Ordinal) == true, Limit, "it is refused");
        await using var none = new RespClient(settings, new RespCounters(), TimeProvider.System);
        await Until.TrueAsync(() => none.Problem?.Contains("NOAUTH", StringComparison.Ordinal) == true, Limit, "it is refused");
    }

    [Fact]
    public async Task UnixSocket_AndAServerThatDoesNotKnowHello()
    {
        var path = Path.Combine(Directory.CreateTempSubdirectory("mooring-unix-").FullName, "redis.sock");
        await using var redis = await RedisServer.StartAsync(
            "--unixsocket",
            path,
            "--rename-command",
            "HELLO",
            "",
            "--requirepass",
            "secret"
        );
        var settings = Settings(redis.Port) with { Addresses = [new RespEndpoint(path, 0)], Password = Password("secret") };
        await using var client = await ConnectAsync(settings);
        (await client.CallAsync(RespCommand.Of("ECHO", "a"), Deadline)).Text.ShouldBe("a");
        Directory.Delete(Path.GetDirectoryName(path)!, recursive: true);
    }

    [Fact]
    public async Task ServerAndReplicas_TheMasterIsTaken()
    {
        await using var master = await RedisServer.StartAsync();
        await using var replica = await RedisServer.StartAsync("--replicaof", "127.0.0.1", $"{master.Port}");
        await using var client = await ConnectAsync(Settings(replica.Port, master.Port));
        (await client.CallAsync(RespCommand.For("k", "SET", "k", "v"), Deadline)).Text.ShouldBe("OK");
    }

    [Fact]
    public async Task NothingThere_SaysSoAtOnce()
    {
        await using var client = new RespClient(Settings(1), new RespCounters(), TimeProvider.System);
        await Until.TrueAsync(() => client.Problem is not (null or "not connected yet"), Limit, "it has tried");
        var error = await Should.ThrowAsync<RespUnavailableException>(() => client.CallAsync(RespCommand.Ping, Deadline));
        error.MayHaveRun.ShouldBeFalse();
        error.Message.ShouldContain("127.0.0.1:1");
    }

    internal static RespSettings Settings(params int[] ports) =>
        new()
        {
            Addresses = [.. ports.Select(port => new RespEndpoint("127.0.0.1", port))],
            Password = static _ => Task.FromResult<string?>(null),
        };

    /// <summary>For tests of what needs a connection that stays, however busy the machine is.</summary>
    internal static RespSettings Patient(int port) =>
        Settings(port) with
        {
            Limits = new RespLimits { DeadAfter = TimeSpan.FromMinutes(1) },
        };

    internal static async Task<RespClient> ConnectAsync(RespSettings settings, RespCounters? counters = null)
    {
        var client = new RespClient(settings, counters ?? new RespCounters(), TimeProvider.System);
        await Until.TrueAsync(() => client.Problem is null ? true : throw new IOException(client.Problem), Limit, "it is connected");
        return client;
    }

    private static Func<CancellationToken, Task<string?>> Password(string password) => _ => Task.FromResult<string?>(password);

    /// <summary>The machine's clock, and jumps ahead of it that no timer knows of.</summary>
    private sealed class JumpingTime : TimeProvider
    {
        private long _ahead;

        public void Jump(TimeSpan by) => Interlocked.Add(ref _ahead, (long)(by.TotalSeconds * TimestampFrequency));

        public override long GetTimestamp() => base.GetTimestamp() + Volatile.Read(ref _ahead);
    }
}
