using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Configuration;
using Mooring.Gateway.Transport.ProxyProtocol;
using Mooring.Gateway.Transport.Tls;

namespace Mooring.Gateway.Backends.Checks;

/// <summary>One active check of one endpoint: connects, says what there is to say, and looks at the answer.</summary>
/// <remarks>Bounded in time by the plan and in bytes by <see cref="MaxAnswer"/>. Throws only when the engine ends.</remarks>
internal static class EndpointProbe
{
    /// <summary>Bytes of an answer that are looked at.</summary>
    public const int MaxAnswer = 4096;

    private const int MaxError = 200;

    /// <summary>Null when the endpoint is well, else why not, at most 200 characters.</summary>
    /// <param name="endpoint">Where it is.</param>
    /// <param name="plan">What to ask.</param>
    /// <param name="cancel">The engine ends.</param>
    /// <param name="proxy">The header that connections begin with; null: none.</param>
    /// <param name="tls">How the backend's connections are secured; null: they are not, and a check over TLS takes any certificate.</param>
    /// <param name="tlsHost">Who the endpoint's certificate must be for where neither the backend's TLS nor the check says.</param>
    public static async Task<string?> RunAsync(
        IPEndPoint endpoint,
        CheckPlan plan,
        CancellationToken cancel,
        ProxyOutSnapshot? proxy = null,
        TlsClient? tls = null,
        string tlsHost = ""
    )
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(plan.Timeout);
        try
        {
            var address = plan.Port == 0 ? endpoint : new IPEndPoint(endpoint.Address, plan.Port);
            using var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            await socket.ConnectAsync(address, limit.Token);
            // RST instead of FIN: thousands of checks leave nothing in TIME_WAIT, as HAProxy's don't.
            socket.LingerState = new LingerOption(true, 0);
            await GreetAsync(socket, proxy, limit.Token);
            return plan.Type switch
            {
                HealthCheckType.TCP => await ExchangeAsync(socket, plan, limit.Token),
                HealthCheckType.HTTP => await AskAsync(new NetworkStream(socket), address, plan, limit.Token),
                _ => await AskSecurelyAsync(socket, address, plan, tls, tlsHost, limit.Token),
            };
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            return $"no answer within {plan.Timeout.TotalMilliseconds.ToString(CultureInfo.InvariantCulture)} ms";
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            // Whatever it is (.NET may be unable to read a certificate that the connections' OpenSSL takes): thrown on, it would leave
            // the endpoint for good at what the last check said, and nobody would know why.
            return Shorten(error.InnerException is SocketException inner ? inner.Message : error.Message);
        }
    }

    /// <summary>Where connections begin with a PROXY header, checks do too: with one that says that nobody is behind it.</summary>
    private static async Task GreetAsync(Socket socket, ProxyOutSnapshot? proxy, CancellationToken cancel)
    {
        if (proxy is not null)
        {
            var header = new byte[ProxyHeader.MaxWrittenBytes];
            var length = proxy.Version == 1 ? ProxyHeaderWriter.WriteUnknown(header) : ProxyHeaderWriter.WriteLocal(header);
            await socket.SendAsync(header.AsMemory(0, length), cancel);
        }
    }

    private static async Task<string?> ExchangeAsync(Socket socket, CheckPlan plan, CancellationToken cancel)
    {
        for (var sent = 0; sent < plan.Send.Length; )
        {
            sent += await socket.SendAsync(plan.Send.AsMemory(sent), cancel);
        }

        if (plan.Expect.Length == 0)
        {
            return null;
        }

        var answer = new byte[MaxAnswer];
        for (var length = 0; length < answer.Length; )
        {
            var count = await socket.ReceiveAsync(answer.AsMemory(length), cancel);
            length += count;
            if (answer.AsSpan(0, length).IndexOf(plan.Expect) >= 0)
            {
                return null;
            }

            if (count == 0)
            {
                return Shorten($"closed after {length} bytes without what was expected");
            }
        }

        return $"not what was expected in the first {MaxAnswer} bytes";
    }

    private static async Task<string?> AskSecurelyAsync(
        Socket socket,
        IPEndPoint address,
        CheckPlan plan,
        TlsClient? client,
        string tlsHost,
        CancellationToken cancel
    )
    {
        var host = plan.Host is { } sent ? NameOf(sent) : null;
        var options = client is null
            ? CheckTls.Unverified(host ?? address.Address.ToString())
            : client.Checks.Options(client.Config.ServerName ?? host ?? (tlsHost.Length > 0 ? tlsHost : address.Address.ToString()));
        await using var tls = new SslStream(new NetworkStream(socket), leaveInnerStreamOpen: false);
        await tls.AuthenticateAsClientAsync(options, cancel);
        return await AskAsync(tls, address, plan, cancel);
    }

    /// <summary>Whom a Host header names, without its port and an IPv6 address' brackets (RFC 9110 §7.2).</summary>
    internal static string NameOf(string host) =>
        host.StartsWith('[') && host.IndexOf(']') is > 0 and var end ? host[1..end] : host.Split(':')[0];

    private static async Task<string?> AskAsync(System.IO.Stream stream, IPEndPoint address, CheckPlan plan, CancellationToken cancel)
    {
        var request =
            $"GET {plan.Path} HTTP/1.1\r\nHost: {plan.Host ?? address.ToString()}\r\nUser-Agent: mooring-gateway\r\nAccept: */*\r\nConnection: close\r\n\r\n";
        await stream.WriteAsync(Encoding.ASCII.GetBytes(request), cancel);
        var head = new byte[MaxAnswer];
        for (var length = 0; length < head.Length; )
        {
            var count = await stream.ReadAsync(head.AsMemory(length), cancel);
            length += count;
            var end = head.AsSpan(0, length).IndexOf((byte)'\n');
            if (end >= 0)
            {
                return Judge(Encoding.Latin1.GetString(head, 0, end).TrimEnd('\r'), plan);
            }

            if (count == 0)
            {
                break;
            }
        }

        return "no HTTP answer";
    }

    // RFC 9112 §4: HTTP-version SP status-code SP [reason-phrase].
    private static string? Judge(string line, CheckPlan plan)
    {
        if (
            !line.StartsWith("HTTP/1.", StringComparison.Ordinal)
            || line.Length < 12
            || line[8] != ' '
            || !int.TryParse(line.AsSpan(9, 3), NumberStyles.None, CultureInfo.InvariantCulture, out var status)
        )
        {
            return Shorten($"no HTTP answer: '{line}'");
        }

        return plan.Statuses.Any(range => status >= range.From && status <= range.To) ? null : $"status {status}";
    }

    private static string Shorten(string text) => text.Length <= MaxError ? text : text[..MaxError];
}
