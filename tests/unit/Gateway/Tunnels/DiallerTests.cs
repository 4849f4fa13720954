using System.Net;
using System.Net.Sockets;
using System.Text;
using Mooring.Gateway.Tunnels.Client;
using Mooring.Gateway.Tunnels.Protocol;

namespace Mooring.Gateway.Tests.Tunnels;

/// <summary>The client's way to a host with several addresses.</summary>
public sealed class DiallerTests
{
    private static readonly IPAddress First = IPAddress.Parse("127.0.0.2");
    private static readonly IPAddress Second = IPAddress.Parse("127.0.0.3");
    private static readonly IPAddress Third = IPAddress.Parse("127.0.0.4");

    private readonly List<IPAddress> _asked = [];
    private readonly List<IPAddress> _givenUp = [];
    private readonly Dialler _dialler = new("gateways", 7835, LookUpAsync);
    private HashSet<IPAddress> _silent = [];
    private HashSet<IPAddress> _closed = [];

    [Fact]
    public async Task Connect_FirstAddressIsSilent_TheNextIsTakenAndGoesFirstFromThenOn()
    {
        _silent = [First];

        (await ConnectAsync()).ShouldBe(Second);
        _asked.ShouldBe([First, Second]);
        _givenUp.ShouldBe([First]);

        _asked.Clear();
        (await ConnectAsync()).ShouldBe(Second);
        _asked.ShouldBe([Second]);
    }

    [Fact]
    public async Task Connect_AddressesFail_TheNextAreTakenAtOnceAndTheLatestFailureComesLast()
    {
        _closed = [First, Second];
        (await ConnectAsync()).ShouldBe(Third);

        _closed = [Third];
        _asked.Clear();
        (await ConnectAsync()).ShouldBe(First);
        _asked.ShouldBe([Third, First]);
        (await ConnectAsync()).ShouldBe(First);

        _dialler.Failed(First);
        (await ConnectAsync()).ShouldBe(Second);
    }

    [Fact]
    public async Task Connect_PreferredAddress_GoesFirstUntilItFailed()
    {
        _dialler.Prefer(Third);
        (await ConnectAsync()).ShouldBe(Third);

        _silent = [Third];
        (await ConnectAsync()).ShouldBe(First);
        _silent = [];
        (await ConnectAsync()).ShouldBe(Third, "it was slow once");

        _dialler.Failed(Third);
        (await ConnectAsync()).ShouldBe(First);
    }

    [Fact]
    public async Task Connect_NoneCanBeReached_NamesThePlaceAndTheLastReason()
    {
        _closed = [First, Second, Third];

        (await Should.ThrowAsync<IOException>(ConnectAsync)).Message.ShouldBe("gateways:7835: closed");

        _asked.ShouldBe([First, Second, Third]);
    }

    [Fact]
    public async Task Connect_Cancelled_AllAreGivenUp()
    {
        _silent = [First, Second, Third];
        using var stop = new CancellationTokenSource();
        var connecting = _dialler.ConnectAsync(TryAsync, stop.Token);

        await stop.CancelAsync();

        await Should.ThrowAsync<OperationCanceledException>(() => connecting.WaitAsync(TunnelRig.Patience));
        _givenUp.ShouldBe(_asked);
    }

    [Fact]
    public async Task Client_GatewayAtTheFirstAddressEndsTheConnection_ComesAgainAtAnother()
    {
        using var bad = new TcpListener(First, 0);
        bad.Start();
        var port = ((IPEndPoint)bad.LocalEndpoint).Port;
        using var good = new TcpListener(Second, port);
        good.Start();
        var options = new TunnelOptions
        {
            Host = "gateways",
            Port = port,
            Locals = [new LocalPort(TunnelProtocol.Tcp, "127.0.0.1", 1, 0, null)],
        };
        var output = new TunnelOutput(TextWriter.Null, json: true, TimeProvider.System);
        var client = new TunnelClient(options, output, TimeProvider.System, LookUpAsync);
        using var stop = new CancellationTokenSource();
        var running = client.RunAsync(stop.Token);

        var coming = good.AcceptSocketAsync();
        (await bad.AcceptSocketAsync().WaitAsync(TunnelRig.Patience)).Dispose();
        using var far = await coming.WaitAsync(TunnelRig.Patience);

        var said = new byte[7];
        (await far.ReceiveAsync(said).WaitAsync(TunnelRig.Patience)).ShouldBe(said.Length);
        Encoding.UTF8.GetString(said).ShouldBe("{\"Open\"");
        await stop.CancelAsync();
        (await running.WaitAsync(TunnelRig.Patience)).ShouldBe(0);
    }

    private static Task<IPAddress[]> LookUpAsync(string host, CancellationToken cancellation) =>
        Task.FromResult<IPAddress[]>([First, Second, Third]);

    private async Task<IPAddress> ConnectAsync() =>
        (await _dialler.ConnectAsync(TryAsync, CancellationToken.None).WaitAsync(TunnelRig.Patience)).Address;

    private async Task<MemoryStream> TryAsync(IPAddress address, int port, CancellationToken cancellation)
    {
        _asked.Add(address);
        if (_silent.Contains(address))
        {
            try
            {
                await Task.Delay(Timeout.InfiniteTimeSpan, cancellation);
            }
            finally
            {
                _givenUp.Add(address);
            }
        }

        return _closed.Contains(address) ? throw new IOException("closed") : new MemoryStream();
    }
}
