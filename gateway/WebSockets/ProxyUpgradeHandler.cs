using System.Text;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Configuration;
using Mooring.Gateway.Limits;
using Mooring.Gateway.WebSockets.Http;

namespace Mooring.Gateway.WebSockets;

/// <summary>The handshakes of a WebSocket listener in Proxy mode: checks, routes and rewrites both heads.</summary>
/// <remarks>Immutable and thread-safe; what a call needs meanwhile belongs to its thread.</remarks>
internal sealed class ProxyUpgradeHandler : IUpgradeHandler
{
    private const int MaxAddressLength = 64;
    private const int MaxCookieLength = 512;

    // Keep the numbers of one value as user, as device and for hashing apart.
    private const byte HashSalt = 0;
    private const byte DeviceSalt = 2;

    [ThreadStatic]
    private static Scratch? _scratch;

    private readonly RouteTable _routes;
    private readonly string[] _routeBackends;
    private readonly string? _backend;
    private readonly AffinityCookie? _affinity;
    private readonly AffinityType? _type;
    private readonly RequestValue? _hashed;
    private readonly RequestValue? _user;
    private readonly RequestValue? _device;
    private readonly OriginList _origins;
    private readonly SubprotocolList _subprotocols;

    public ProxyUpgradeHandler(ListenerSnapshot listener)
    {
        var config = listener.WebSocket ?? new WebSocketListenerConfig();
        _routes = new RouteTable(config.Routes);
        _routeBackends = [.. config.Routes.Select(route => route.Backend)];
        _backend = listener.Backend;
        _type = config.Affinity?.Type;
        _affinity = config.Affinity is { Type: AffinityType.Cookie } affinity ? new AffinityCookie(affinity) : null;
        _hashed = config.Affinity switch
        {
            { Type: AffinityType.Header, Name: { } name } => new RequestValue(RequestValueSource.Header, name),
            { Type: AffinityType.Query, Name: { } name } => new RequestValue(RequestValueSource.Query, name),
            _ => null,
        };
        _user = Value(config.Identity?.User);
        _device = Value(config.Identity?.Device);
        _origins = new OriginList(config.Origins);
        _subprotocols = new SubprotocolList(config.Subprotocols);
    }

    public UpgradeRequest ReadRequest(ReadOnlySpan<byte> received, in UpgradeClient client, Span<byte> rewritten)
    {
        var scratch = _scratch ??= new Scratch();
        var head = scratch.Request;
        head.Reset();
        var result = head.Parse(received);
        if (result.Status != HeadStatus.Complete)
        {
            return result.Status == HeadStatus.NeedMore ? default : Refuse(new Refusal(result.HttpStatus, result.Reason!));
        }

        var refusal = UpgradeValidator.Validate(head, received);
        if (!refusal.IsNone)
        {
            return Refuse(refusal);
        }

        refusal = _origins.Check(head, received);
        if (!refusal.IsNone)
        {
            return Refuse(refusal, RefusalReason.Origin);
        }

        refusal = RequestTarget.TryRead(head, received, out var target);
        if (!refusal.IsNone)
        {
            return Refuse(refusal);
        }

        var length = PathNormalizer.Normalize(target.Path, scratch.Path);
        if (length < 0)
        {
            return Refuse(new Refusal(400, "path with dot segments or invalid escapes"));
        }

        var route = _routes.Match(target.Host, scratch.Path.AsSpan(0, length));
        var backend = route >= 0 ? _routeBackends[route] : _backend;
        if (backend is null)
        {
            return Refuse(new Refusal(404, "no route takes this host and path"));
        }

        var subprotocols = _subprotocols.IsSet ? _subprotocols.Filter(head, received, scratch.Subprotocols) : 0;
        if (subprotocols < 0)
        {
            return Refuse(new Refusal(400, "none of the subprotocols is taken"), RefusalReason.Subprotocol);
        }

        Span<byte> address = stackalloc byte[MaxAddressLength];
        client.Address.ToIPAddress().TryFormat(address, out var addressLength);
        Span<byte> id = stackalloc byte[32];
        Guid.NewGuid().TryFormat(id, out _, "N");
        var written = ForwardedRequest.Write(
            head,
            received,
            target,
            new ForwardedClient(address[..addressLength], client.Secure, client.ListenerPort, id),
            rewritten,
            _subprotocols.IsSet,
            scratch.Subprotocols.AsSpan(0, subprotocols)
        );
        if (written < 0)
        {
            return Refuse(new Refusal(431, "the head does not fit with the forwarded headers"));
        }

        var affinity = _affinity is null ? default : _affinity.Find(head, received);
        return new UpgradeRequest
        {
            Verdict = HeadVerdict.Accept,
            HeadLength = result.Offset,
            RewrittenLength = written,
            Backend = backend,
            AffinityKey = affinity.IsEmpty ? null : Encoding.ASCII.GetString(affinity),
            HashKey =
                _type == AffinityType.ClientAddress ? client.Address.ClientKey : _hashed?.Key(head, received, target.Origin, HashSalt) ?? 0,
            User = _user?.Key(head, received, target.Origin, RequestValue.UserSalt) ?? 0,
            Device = _device?.Key(head, received, target.Origin, DeviceSalt) ?? 0,
            Secure = client.Secure,
        };
    }

    public UpgradeResponse ReadResponse(
        in UpgradeRequest request,
        ReadOnlySpan<char> affinityKey,
        ReadOnlySpan<byte> received,
        Span<byte> rewritten
    )
    {
        var head = (_scratch ??= new Scratch()).Response;
        head.Reset();
        var result = head.Parse(received);
        switch (result.Status)
        {
            case HeadStatus.NeedMore:
                return default;
            case HeadStatus.Error:
                return BadResponse(result.Reason!);
            case HeadStatus.Complete when head.StatusCode is < 200 and not 101:
                return new UpgradeResponse { Verdict = HeadVerdict.More, HeadLength = result.Offset };
        }

        var switches = head.StatusCode == 101;
        if (switches && ForwardedResponse.CheckSwitch(head, received) is { } problem)
        {
            return BadResponse(problem);
        }

        var body = BodyTracker.For(head, received);
        if (body is null)
        {
            return BadResponse("ambiguous length of the body");
        }

        Span<byte> cookie = stackalloc byte[MaxCookieLength];
        var cookieLength =
            switches && _affinity is not null && !affinityKey.SequenceEqual(request.AffinityKey)
                ? Math.Max(_affinity.WriteSetCookie(affinityKey, request.Secure, cookie), 0)
                : 0;
        var written = ForwardedResponse.Write(head, received, cookie[..cookieLength], rewritten);
        return written < 0
            ? BadResponse("the head is too long")
            : new UpgradeResponse
            {
                Verdict = switches ? HeadVerdict.Accept : HeadVerdict.Decline,
                HeadLength = result.Offset,
                RewrittenLength = written,
                Extensions = ForwardedResponse.Extensions(head, received),
                Body = body.Value,
            };
    }

    public ReadOnlyMemory<byte> Answer(UpgradeFailure failure) =>
        PlainAnswer.For(
            failure switch
            {
                UpgradeFailure.RequestTimeout => new Refusal(408, "the request did not come in time"),
                UpgradeFailure.RequestTooLarge => new Refusal(431, "the head is longer than 16384 bytes"),
                UpgradeFailure.NoBackend => new Refusal(503, "no backend takes a connection"),
                UpgradeFailure.ConnectFailed => new Refusal(502, "no backend could be connected"),
                UpgradeFailure.BadResponse => new Refusal(502, "the backend's answer is not valid"),
                UpgradeFailure.ResponseTimeout => new Refusal(504, "the backend did not answer in time"),
                UpgradeFailure.Paced => new Refusal(503, "too many new connections; try again"),
                UpgradeFailure.UserLimit => new Refusal(429, "the user has too many connections"),
                UpgradeFailure.DeviceLimit => new Refusal(429, "the device has too many connections"),
                _ => throw new ArgumentOutOfRangeException(nameof(failure), failure, null),
            }
        );

    private static RequestValue? Value(RequestValueConfig? config) => config is null ? null : new RequestValue(config.From, config.Name);

    private static UpgradeRequest Refuse(Refusal refusal, RefusalReason reason = RefusalReason.BadRequest) =>
        new()
        {
            Verdict = HeadVerdict.Refuse,
            Answer = PlainAnswer.For(refusal),
            Reason = reason,
        };

    private static UpgradeResponse BadResponse(string reason) =>
        new() { Verdict = HeadVerdict.Refuse, Answer = PlainAnswer.For(new Refusal(502, "the backend's answer is not valid: " + reason)) };

    /// <summary>What a call works with, kept by its thread: heads are parsed by the thousand a second.</summary>
    private sealed class Scratch
    {
        public HttpHead Request { get; } = new(HeadKind.Request);

        public HttpHead Response { get; } = new(HeadKind.Response);

        public byte[] Path { get; } = new byte[HttpHead.MaxBytes];

        public byte[] Subprotocols { get; } = new byte[HttpHead.MaxBytes];
    }
}
