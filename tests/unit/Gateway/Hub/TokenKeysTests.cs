using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Mooring.Gateway.Hub.Authentication;
using Mooring.Gateway.Hub.Protocol;
using Mooring.Gateway.Hub.Sessions;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Hub;

/// <summary>Keys that change, or cannot be fetched: whose token may be good is asked to come again, never sent away for good.</summary>
public sealed class TokenKeysTests : IAsyncLifetime
{
    private const string Old = "the old secret of sixteen bytes";
    private const string New = "the new secret of sixteen bytes";

    private readonly ManualTime _clock = new();
    private readonly HubHarness _hub;
    private volatile string? _keys = Set("old", Old);
    private int _asked;

    public TokenKeysTests() =>
        _hub = new HubHarness(
            fetched: new JwksCache(
                _ =>
                {
                    Interlocked.Increment(ref _asked);
                    return _keys is { } keys
                        ? Task.FromResult<ReadOnlyMemory<byte>>(Encoding.UTF8.GetBytes(keys))
                        : Task.FromException<ReadOnlyMemory<byte>>(new HttpRequestException("away"));
                },
                _clock
            )
        );

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _hub.DisposeAsync();

    [Theory]
    [InlineData("old", "new")]
    [InlineData(null, null)]
    public async Task Rotated_AMomentBeforeTheNextRequest_WaitsForIt(string? before, string? after)
    {
        _keys = Set(before, Old);
        IsConnected(await ConnectAsync(Token(before, Old)));
        _keys = Set(after, New);
        _clock.Advance(TimeSpan.FromSeconds(8));

        // The next request may be made in 2 s.
        IsConnected(await ConnectAsync(Token(after, New), advances: true));
        _asked.ShouldBe(2);
    }

    [Fact]
    public async Task Rotated_WhileStrangersUseUpTheRequests_IsToComeAgain()
    {
        IsConnected(await ConnectAsync(Token("old", Old)));
        _clock.Advance(TimeSpan.FromSeconds(10));
        (await ClosedAsync(Token("stranger", New))).ShouldBe(HubDisconnect.InvalidToken, "keys that are newer than it were fetched");
        _asked.ShouldBe(2);
        _clock.Advance(TimeSpan.FromSeconds(1));
        _keys = Set("new", New);

        IsTemporary(await ConnectAsync(Token("new", New)));
        _asked.ShouldBe(2);
        _clock.Advance(TimeSpan.FromSeconds(9));
        IsConnected(await ConnectAsync(Token("new", New)));
    }

    [Fact]
    public async Task Away_IsToComeAgain_AndKnownKeysGoOn()
    {
        _keys = null;
        IsTemporary(await ConnectAsync(Token("old", Old)));
        _keys = Set("old", Old);
        _clock.Advance(TimeSpan.FromSeconds(10));
        IsConnected(await ConnectAsync(Token("old", Old)));

        _keys = null;
        _clock.Advance(TimeSpan.FromMinutes(20));
        IsConnected(await ConnectAsync(Token("old", Old)));
        IsTemporary(await ConnectAsync(Token("new", New)));
        (await ClosedAsync("a.b.c")).ShouldBe(HubDisconnect.InvalidToken);
        (await ClosedAsync(Token("old", New))).ShouldBe(HubDisconnect.InvalidToken, "its key is known, and it is not by that");
    }

    [Fact]
    public async Task Away_SubscriptionsAndRefreshesAreToBeTriedAgain()
    {
        var session = _hub.Open();
        IsConnected(await AskAsync(session, $$$"""{"id":1,"connect":{"token":"{{{Token("old", Old)}}}"}}"""));
        _hub.Send(session, """{"id":2,"subscribe":{"channel":"chat:a"}}""");
        _hub.Read(session);
        _keys = null;
        _clock.Advance(TimeSpan.FromSeconds(20));
        var token = Token("new", New);

        IsTemporary(await AskAsync(session, $$$"""{"id":3,"subscribe":{"channel":"private:a","token":"{{{token}}}"}}"""));
        IsTemporary(await AskAsync(session, $$$"""{"id":4,"refresh":{"token":"{{{token}}}"}}"""));
        IsTemporary(await AskAsync(session, $$$"""{"id":5,"sub_refresh":{"channel":"chat:a","token":"{{{token}}}"}}"""));
        _hub.Closed.ShouldBeEmpty();
    }

    private static void IsConnected(JsonElement reply) => reply.TryGetProperty("connect", out _).ShouldBeTrue(reply.GetRawText());

    private static void IsTemporary(JsonElement reply)
    {
        var error = reply.GetProperty("error");
        error.GetProperty("code").GetInt32().ShouldBe(100);
        error.GetProperty("temporary").GetBoolean().ShouldBeTrue();
    }

    private static string Set(string? name, string secret) =>
        name is null
            ? $$"""{"keys":[{"kty":"oct","k":"{{Encode(secret)}}"}]}"""
            : $$"""{"keys":[{"kty":"oct","kid":"{{name}}","k":"{{Encode(secret)}}"}]}""";

    private static string Encode(string text) => System.Buffers.Text.Base64Url.EncodeToString(Encoding.UTF8.GetBytes(text));

    private string Token(string? name, string secret)
    {
        var head = name is null ? """{"alg":"HS256"}""" : $$"""{"alg":"HS256","kid":"{{name}}"}""";
        var claims = $$"""{"sub":"anna","exp":{{_hub.Node.UnixSeconds + 600}}}""";
        var body = $"{Encode(head)}.{Encode(claims)}";
        var signature = HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), Encoding.ASCII.GetBytes(body));
        return $"{body}.{System.Buffers.Text.Base64Url.EncodeToString(signature)}";
    }

    private Task<JsonElement> ConnectAsync(string token, bool advances = false) =>
        AskAsync(_hub.Open(), $$$"""{"id":1,"connect":{"token":"{{{token}}}"}}""", advances);

    private async Task<JsonElement> AskAsync(HubSession session, string command, bool advances = false)
    {
        _hub.Send(session, command);
        JsonElement? reply = null;
        await Until.TrueAsync(
            () =>
            {
                reply ??= _hub.Read(session).Cast<JsonElement?>().FirstOrDefault();
                // It waits for the next request, and that for its time.
                if (reply is null && advances && _asked < 2 && _clock.SetTimers >= 2)
                {
                    _clock.Advance(TimeSpan.FromMilliseconds(50));
                }

                return reply is not null;
            },
            TimeSpan.FromSeconds(30),
            "it is answered"
        );
        return reply!.Value;
    }

    private async Task<HubDisconnect> ClosedAsync(string token)
    {
        var session = _hub.Open();
        _hub.Send(session, $$$"""{"id":1,"connect":{"token":"{{{token}}}"}}""");
        await Until.TrueAsync(
            () =>
            {
                _hub.Settle();
                return _hub.Closed.ContainsKey(session);
            },
            TimeSpan.FromSeconds(30),
            "it is closed"
        );
        return _hub.Closed[session];
    }
}
