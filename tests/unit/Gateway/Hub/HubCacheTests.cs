using System.Text.Json;
using Mooring.Contracts.Configuration;

namespace Mooring.Gateway.Tests.Hub;

/// <summary>Namespaces whose clients want the newest publication alone: who comes again gets it, unless it is what he has.</summary>
public sealed class HubCacheTests : IAsyncLifetime
{
    private const string Channel = "cache:a";

    private readonly HubHarness _hub = new(
        HubHarness.Config(
            new HubNamespaceConfig
            {
                Name = "cache",
                Subscribe = HubAudience.Everyone,
                Delta = true,
                History = new HubHistoryConfig
                {
                    Size = 3,
                    Ttl = TimeSpan.FromMinutes(1),
                    Cache = true,
                },
            }
        )
    );

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _hub.DisposeAsync();

    [Theory]
    [InlineData(0, "9")]
    [InlineData(1, "9")]
    [InlineData(8, "9")]
    [InlineData(9, "")]
    public void Recover_FromAnywhere_IsTheNewestAlone(int offset, string expected)
    {
        var epoch = Publish(9);

        var reply = Recover(offset, epoch);

        reply.GetProperty("recovered").GetBoolean().ShouldBeTrue();
        reply.GetProperty("offset").GetInt32().ShouldBe(9);
        Data(reply).ShouldBe(expected);
    }

    [Fact]
    public void Recover_OfAnotherEpoch_IsTheNewest()
    {
        Publish(2);

        var reply = Recover(7, "other");

        reply.GetProperty("recovered").GetBoolean().ShouldBeTrue();
        Data(reply).ShouldBe("2");
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(2, true)]
    public void Recover_NothingIsKeptAnyMore_OnlyWhoWasAtItsEndHasAll(int offset, bool recovered)
    {
        var epoch = Publish(2);
        _hub.Advance(TimeSpan.FromSeconds(70));

        var reply = Recover(offset, epoch);

        reply.GetProperty("recovered").GetBoolean().ShouldBe(recovered);
        (reply.GetProperty("offset").GetInt32(), Data(reply)).ShouldBe((2, ""));
    }

    [Fact]
    public void Recover_WithDeltas_TheNewestIsWholeAndTheNextADifference()
    {
        // Somebody is there already: the gateway knows what it has delivered, and no more.
        var text = new string('x', 100);
        _hub.Ask(_hub.Connect(), $$$"""{"id":2,"subscribe":{"channel":"{{{Channel}}}"}}""");
        _hub.Publish(Channel, $$"""{"text":"{{text}}","n":1}""");
        var session = _hub.Connect();
        var reply = _hub.Ask(session, $$$"""{"id":2,"subscribe":{"channel":"{{{Channel}}}","delta":"fossil","recover":true,"epoch":"_"}}""")
            .GetProperty("subscribe");
        reply.GetProperty("publications")[0].TryGetProperty("delta", out _).ShouldBeFalse();

        _hub.Publish(Channel, $$"""{"text":"{{text}}","n":2}""");

        _hub.Read(session).Single().GetProperty("push").GetProperty("pub").GetProperty("delta").GetBoolean().ShouldBeTrue();
    }

    /// <summary>Returns the epoch.</summary>
    private string Publish(int count)
    {
        for (var i = 1; i <= count; i++)
        {
            _hub.Publish(Channel, $"{i}");
        }

        return _hub.Ask(_hub.Connect(), $$$"""{"id":2,"subscribe":{"channel":"{{{Channel}}}"}}""")
            .GetProperty("subscribe")
            .GetProperty("epoch")
            .GetString()!;
    }

    private JsonElement Recover(int offset, string epoch) =>
        _hub.Ask(
                _hub.Connect(),
                $$$"""{"id":2,"subscribe":{"channel":"{{{Channel}}}","recover":true,"offset":{{{offset}}},"epoch":"{{{epoch}}}"}}"""
            )
            .GetProperty("subscribe");

    private static string Data(JsonElement reply) =>
        reply.TryGetProperty("publications", out var all)
            ? string.Join(' ', all.EnumerateArray().Select(static one => one.GetProperty("data").GetRawText()))
            : "";
}
