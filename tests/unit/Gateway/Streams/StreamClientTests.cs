using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using Mooring.Contracts;
using Mooring.Contracts.Configuration;
using Mooring.Contracts.Stream;
using Mooring.Gateway.Bench;
using Mooring.Gateway.Streams;
using Mooring.Gateway.Telemetry;
using Mooring.Gateway.WebSockets.Http;

namespace Mooring.Gateway.Tests.Streams;

public sealed class StreamClientTests : IAsyncLifetime
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("mooring");
    private readonly CancellationTokenSource _stop = new();
    private readonly MemoryStream _log = new();
    private readonly LogSink _sink;
    private readonly FakeTarget _target = new();
    private Task _running = Task.CompletedTask;

    public StreamClientTests() => _sink = new LogSink(_log);

    private string SocketPath => Path.Combine(_directory.FullName, "s");

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running.WaitAsync(TimeSpan.FromSeconds(30));
        await _sink.DisposeAsync();
        _directory.Delete(recursive: true);
    }

    [Fact]
    public async Task Session_StartsWithHelloAndAReport()
    {
        await using var fake = await FakeOperator.StartAsync(SocketPath);
        Start("unix:" + SocketPath);

        (await fake.Received.Reader.ReadAsync(FakeOperator.Deadline())).ShouldBe(_target.Hello());
        (await fake.NextAsync<ReportMessage>()).Capacity.ShouldBe(100);
        fake.Path.ShouldBe(StreamLimits.Path);
    }

    [Fact]
    public async Task Question_IsAnsweredUnderItsNumber()
    {
        await using var fake = await FakeOperator.StartAsync(SocketPath);
        Start("unix:" + SocketPath);
        var session = await fake.SessionAsync();
        await FakeOperator.SendAsync(session, new QuestionMessage { Id = 42, About = QuestionKind.Metrics });
        var answer = await fake.NextAsync<AnswerMessage>();
        (answer.Id, answer.Metrics).ShouldBe((42, "about Metrics"));
    }

    [Fact]
    public async Task Config_IsAppliedAndAcked()
    {
        await using var fake = await FakeOperator.StartAsync(SocketPath);
        Start("unix:" + SocketPath);
        var session = await fake.SessionAsync();
        var config = Config();
        await FakeOperator.SendAsync(session, config);

        (await _target.NextAsync<ConfigMessage>()).Config.Fleet.ShouldBe("default/test");
        var ack = await fake.NextAsync<AckMessage>();
        ack.Hash.ShouldBe(config.Hash);
        ack.Accepted.ShouldBeTrue();
        ack.Errors.ShouldBeEmpty();

        await FakeOperator.SendAsync(session, config);
        (await fake.NextAsync<AckMessage>()).Accepted.ShouldBeTrue();
        _target.Applied.Reader.TryRead(out _).ShouldBeFalse("an equal hash has no effect");
    }

    [Fact]
    public async Task Config_WithErrors_IsAckedWithThem()
    {
        await using var fake = await FakeOperator.StartAsync(SocketPath);
        _target.Errors = [.. Enumerable.Range(0, 100).Select(i => $"listeners[{i}].port: wrong")];
        Start("unix:" + SocketPath);
        await FakeOperator.SendAsync(await fake.SessionAsync(), Config());

        var ack = await fake.NextAsync<AckMessage>();
        ack.Accepted.ShouldBeFalse();
        ack.Errors.Count.ShouldBe(64);
        ack.Errors[0].ShouldBe("listeners[0].port: wrong");
    }

    /// <summary>A key that the config names may come to the pod after it.</summary>
    [Fact]
    public async Task Config_Refused_IsTriedAgainAndAckedOnceItIsInForce()
    {
        await using var fake = await FakeOperator.StartAsync(SocketPath);
        _target.Errors = ["listeners[0].tunnel.secretFile: cannot be read"];
        Start("unix:" + SocketPath);
        var config = Config();
        await FakeOperator.SendAsync(await fake.SessionAsync(), config);
        (await fake.NextAsync<AckMessage>()).Accepted.ShouldBeFalse();
        await _target.NextAsync<ConfigMessage>();

        await _target.NextAsync<ConfigMessage>();
        _target.Errors = [];
        await _target.NextAsync<ConfigMessage>();
        var ack = await fake.NextAsync<AckMessage>();
        (ack.Hash, ack.Accepted).ShouldBe((config.Hash, true));
    }

    [Fact]
    public async Task Config_Refused_GivesWayToANewerOne()
    {
        await using var fake = await FakeOperator.StartAsync(SocketPath);
        _target.Errors = ["listeners[0].port: wrong"];
        Start("unix:" + SocketPath);
        var session = await fake.SessionAsync();
        await FakeOperator.SendAsync(session, Config());
        (await fake.NextAsync<AckMessage>()).Accepted.ShouldBeFalse();
        await _target.NextAsync<ConfigMessage>();

        var newer = Config() with { Hash = "newer" };
        await FakeOperator.SendAsync(session, newer);
        (await fake.NextAsync<AckMessage>()).Hash.ShouldBe("newer");
        await _target.NextAsync<ConfigMessage>();
        (await _target.NextAsync<ConfigMessage>()).Hash.ShouldBe("newer", "the one that is tried again");
    }

    [Fact]
    public async Task Config_ThatCannotBeRead_IsAckedWithTheReason()
    {
        await using var fake = await FakeOperator.StartAsync(SocketPath);
        Start("unix:" + SocketPath);
        await FakeOperator.SendAsync(
            await fake.SessionAsync(),
            """{"type":"config","hash":"abc","config":{"fleet":"a/b","listeners":[{"port":"x"}]}}"""
        );

        var ack = await fake.NextAsync<AckMessage>();
        ack.Hash.ShouldBe("abc");
        ack.Accepted.ShouldBeFalse();
        ack.Errors.ShouldHaveSingleItem().ShouldContain("$.config.listeners[0]");
    }

    [Fact]
    public async Task Messages_ArePassedOn_UnknownOnesSkipped()
    {
        await using var fake = await FakeOperator.StartAsync(SocketPath);
        Start("unix:" + SocketPath);
        var session = await fake.SessionAsync();
        await FakeOperator.SendAsync(session, """{"type":"from-the-future","x":1}""");
        await FakeOperator.SendAsync(session, "not json");
        await FakeOperator.SendAsync(
            session,
            new EndpointsMessage
            {
                Backend = "app",
                Endpoints =
                [
                    new EndpointInfo
                    {
                        Id = "a",
                        Address = "127.0.0.1",
                        Port = 1,
                    },
                ],
            }
        );
        await FakeOperator.SendAsync(
            session,
            new DirectiveMessage
            {
                Kind = DirectiveKind.Cordon,
                Epoch = 1,
                Sequence = 2,
            }
        );

        (await _target.NextAsync<EndpointsMessage>()).Endpoints.ShouldHaveSingleItem().Id.ShouldBe("a");
        (await _target.NextAsync<DirectiveMessage>()).Sequence.ShouldBe(2);
    }

    [Fact]
    public async Task Report_BigChange_ComesAtOnce()
    {
        await using var fake = await FakeOperator.StartAsync(SocketPath);
        _target.Connections = 100;
        Start("unix:" + SocketPath);
        await fake.NextAsync<ReportMessage>();
        var before = TimeProvider.System.GetTimestamp();
        _target.State = GatewayState.Draining;
        await fake.NextAsync<ReportMessage>(report => report.State == GatewayState.Draining);
        _target.Connections = 110;
        await fake.NextAsync<ReportMessage>(report => report.Connections == 110);

        TimeProvider.System.GetElapsedTime(before).ShouldBeLessThan(StreamLimits.ReportInterval);
    }

    [Theory]
    [InlineData(100, 109, false)]
    [InlineData(100, 110, true)]
    [InlineData(100, 90, true)]
    [InlineData(0, 1, true)]
    [InlineData(0, 0, false)]
    public void Glance_TenthOfTheConnections_IsBig(int before, int now, bool big) =>
        new LoadGlance(GatewayState.Serving, 1, 1, now).DiffersMuchFrom(new LoadGlance(GatewayState.Serving, 1, 1, before)).ShouldBe(big);

    [Fact]
    public async Task TooLongMessage_EndsTheSession_AndTheClientDialsAgain()
    {
        await using var fake = await FakeOperator.StartAsync(SocketPath);
        Start("unix:" + SocketPath);
        var session = await fake.SessionAsync();
        try
        {
            await FakeOperator.SendAsync(session, new string(' ', StreamLimits.MaxMessageBytes + 1));
        }
        catch (WebSocketException)
        {
            // Refused before all of it was sent.
        }

        await fake.SessionAsync();
        fake.CloseStatus.ShouldBe(WebSocketCloseStatus.MessageTooBig);
    }

    [Fact]
    public async Task OperatorGone_ClientComesBackWithItsConfig()
    {
        var fake = await FakeOperator.StartAsync(SocketPath);
        Start("unix:" + SocketPath);
        var config = Config();
        await FakeOperator.SendAsync(await fake.SessionAsync(), config);
        await fake.NextAsync<AckMessage>();
        await fake.DisposeAsync();
        File.Delete(SocketPath);
        await using var next = await FakeOperator.StartAsync(SocketPath);

        (await next.NextAsync<HelloMessage>()).ConfigHash.ShouldBe(config.Hash);
    }

    [Fact]
    public async Task Wss_TrustsTheCaFile_AndReadsTheTokenAtEachDial()
    {
        var (certificate, pem) = FakeOperator.SelfSigned();
        var ca = await WriteAsync("ca.crt", pem);
        var token = await WriteAsync("token", "first\n");
        await using var fake = await FakeOperator.StartAsync(certificate: certificate);
        Start($"wss://127.0.0.1:{fake.Port}", ca, token);
        var session = await fake.SessionAsync();
        await WriteAsync("token", "second\n");
        session.Abort();
        await fake.SessionAsync();

        fake.Authorizations.ShouldBe(["Bearer first", "Bearer second"]);
    }

    [Fact]
    public async Task Wss_OtherCa_IsNotTrusted()
    {
        var (certificate, _) = FakeOperator.SelfSigned();
        var (_, otherPem) = FakeOperator.SelfSigned();
        await using var fake = await FakeOperator.StartAsync(certificate: certificate);
        var endpoint = Endpoint(
            $"wss://127.0.0.1:{fake.Port}/stream/v1",
            await WriteAsync("ca.crt", otherPem),
            await WriteAsync("token", "secret")
        );
        var dialer = new StreamDialer(endpoint, StreamDialer.DefaultKeepAlive);

        await Should.ThrowAsync<WebSocketException>(() => dialer.DialAsync(FakeOperator.Deadline()));
        fake.Authorizations.ShouldBeEmpty();
    }

    [Theory]
    [InlineData(null, 20)]
    [InlineData("75", 60)]
    public async Task Dial_LearnsHowLongItMayBeSilent(string? said, int seconds)
    {
        await using var fake = await FakeOperator.StartAsync();
        fake.Silence = said;
        var dialer = new StreamDialer(Endpoint($"ws://127.0.0.1:{fake.Port}/stream/v1", null, null), StreamDialer.DefaultKeepAlive);

        var dialled = await dialer.DialAsync(FakeOperator.Deadline());
        using var socket = dialled.Socket;
        dialled.QuietInterval.ShouldBe(TimeSpan.FromSeconds(seconds));
    }

    [Fact]
    public async Task HalfOpenLink_IsFoundAndRedialled()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        Start($"ws://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}", keepAlive: TimeSpan.FromMilliseconds(300));
        using var silent = await listener.AcceptSocketAsync(FakeOperator.Deadline());
        await AnswerAndFallSilentAsync(silent);

        using var again = await listener.AcceptSocketAsync(FakeOperator.Deadline());
        again.Connected.ShouldBeTrue();
    }

    [Theory]
    [InlineData("unix:/run/s", null, "ws://localhost/stream/v1", "/run/s")]
    [InlineData("wss://op:8443", "t", "wss://op:8443/stream/v1", null)]
    [InlineData("wss://op:8443/other", "t", "wss://op:8443/other", null)]
    [InlineData("ws://127.0.0.1:1/", null, "ws://127.0.0.1:1/stream/v1", null)]
    public void Endpoint_Valid_IsRead(string text, string? token, string uri, string? path)
    {
        var endpoint = Endpoint(text, null, token);

        endpoint.Uri.ToString().ShouldBe(uri);
        endpoint.UnixPath.ShouldBe(path);
    }

    [Theory]
    [InlineData("unix:", null)]
    [InlineData("http://op", null)]
    [InlineData("op:8443", null)]
    [InlineData("ws://op", "token")]
    public void Endpoint_Invalid_Tells(string text, string? token)
    {
        StreamEndpoint.TryParse(text, null, token, out _, out var error).ShouldBeFalse();
        error.ShouldContain(text);
    }

    [Fact]
    public void Backoff_GrowsToItsBound()
    {
        var backoff = new Backoff(new Random(3));
        for (var i = 0; i < 200; i++)
        {
            var bound = TimeSpan.FromMilliseconds(Math.Min(200 * Math.Pow(2, Math.Min(i, 20)), 10_000));
            backoff.Next().ShouldBeInRange(TimeSpan.Zero, bound);
        }

        backoff.Reset();
        backoff.Next().ShouldBeLessThanOrEqualTo(TimeSpan.FromMilliseconds(200));
    }

    [Theory]
    [InlineData("""{"type":"\ud800","hash":"1"}""")]
    [InlineData("""{"type":"config","hash":"\ud800","config":{"fleet":"a"}}""")]
    [InlineData("""{"type":"endpoints","backend":"\ud800","endpoints":[]}""")]
    [InlineData("""{"type":7}""")]
    public void Parse_TextThatIsNoUnicode_IsUnread(string json) =>
        StreamMessageReader.Parse(Encoding.UTF8.GetBytes(json)).Unread.ShouldNotBeNull();

    [Fact]
    public async Task Session_MessageThatMakesTheGatewayThrow_EndsTheSessionAndNotTheStream()
    {
        await using var fake = await FakeOperator.StartAsync(SocketPath);
        _target.Failure = new InvalidOperationException("a bug");
        Start("unix:" + SocketPath);
        await FakeOperator.SendAsync(await fake.SessionAsync(), Config());

        // It dials again, and the message is taken then.
        var second = await fake.SessionAsync();
        _target.Failure = null;
        await FakeOperator.SendAsync(second, Config());
        (await fake.NextAsync<AckMessage>()).Accepted.ShouldBeTrue();
    }

    [Fact]
    public void NodeLimits_ReadsWhatIsThere()
    {
        Directory.CreateDirectory(Path.Combine(_directory.FullName, "net", "core"));
        Directory.CreateDirectory(Path.Combine(_directory.FullName, "net", "ipv4"));
        File.WriteAllText(Path.Combine(_directory.FullName, "net", "core", "somaxconn"), "4096\n");
        File.WriteAllText(Path.Combine(_directory.FullName, "net", "ipv4", "ip_local_port_range"), "32768\t60999\n");

        var limits = NodeLimits.Read(_directory.FullName, 1024);
        limits.MaxOpenFiles.ShouldBe(1024);
        limits.Sysctls.ShouldBe(
            new Dictionary<string, string> { ["net.core.somaxconn"] = "4096", ["net.ipv4.ip_local_port_range"] = "32768 60999" }
        );
    }

    private static async Task AnswerAndFallSilentAsync(Socket socket)
    {
        using var buffer = new EchoBuffer();
        var head = new HttpHead(HeadKind.Request);
        while (head.Parse(buffer.Data.Span).Status == HeadStatus.NeedMore)
        {
            await buffer.ReceiveAsync(socket, FakeOperator.Deadline());
        }

        head.Find(buffer.Data.Span, "sec-websocket-key"u8, out var key);
        var answer =
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            + $"Sec-WebSocket-Protocol: {StreamLimits.Subprotocol}\r\nSec-WebSocket-Accept: {EchoHandshake.Accept(key)}\r\n\r\n";
        await socket.SendAllAsync(Encoding.ASCII.GetBytes(answer), FakeOperator.Deadline());
    }

    private static StreamEndpoint Endpoint(string text, string? ca, string? token)
    {
        StreamEndpoint.TryParse(text, ca, token, out var endpoint, out var error).ShouldBeTrue(error);
        return endpoint!;
    }

    private static ConfigMessage Config()
    {
        var config = new GatewayConfig { Fleet = "default/test" };
        return new ConfigMessage { Hash = ContractsJson.Hash(config), Config = config };
    }

    private void Start(string stream, string? ca = null, string? token = null, TimeSpan? keepAlive = null)
    {
        var dialer = new StreamDialer(Endpoint(stream, ca, token), keepAlive ?? StreamDialer.DefaultKeepAlive);
        var log = new GatewayLog(_sink, new AccessLogMode(1), TimeProvider.System);
        _running = new StreamClient(dialer, _target, log, TimeProvider.System, new Random(1)).RunAsync(_stop.Token);
    }

    private async Task<string> WriteAsync(string name, string text)
    {
        var path = Path.Combine(_directory.FullName, name);
        await File.WriteAllTextAsync(path, text);
        return path;
    }
}
