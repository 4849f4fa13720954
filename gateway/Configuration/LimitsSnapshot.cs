using System.Text;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Limits;

namespace Mooring.Gateway.Configuration;

/// <summary>Limits of a listener. Immutable.</summary>
internal sealed record LimitsSnapshot
{
    public static readonly LimitsSnapshot None = new();
    private const int MaxNumber = 1_000_000;

    /// <summary>New connections.</summary>
    public RateLimit NewConnections { get; init; }

    public ByteRate ListenerReceive { get; init; }

    public ByteRate ListenerSend { get; init; }

    public ByteRate ConnectionReceive { get; init; }

    public ByteRate ConnectionSend { get; init; }

    public RefusalAnswer Refuse { get; init; }

    /// <summary>For refused TCP clients.</summary>
    public byte[] Message { get; init; } = [];

    /// <summary>There is a limit of bandwidth.</summary>
    public bool IsShaped => ListenerReceive.IsSet || ListenerSend.IsSet || ConnectionReceive.IsSet || ConnectionSend.IsSet;

    public static LimitsSnapshot Compile(string path, ListenerConfig listener, ErrorList errors)
    {
        if (listener.Limits is not { } limits)
        {
            return None;
        }

        var message = Encoding.UTF8.GetBytes(limits.Message);
        if (message.Length > ListenerLimitsConfig.MaxMessageBytes)
        {
            errors.Add($"{path}.message", $"must be at most {ListenerLimitsConfig.MaxMessageBytes} bytes of UTF-8");
        }

        if (limits.Refuse == RefusalAnswer.Message && listener.Protocol == ListenerProtocol.TCP && message.Length == 0)
        {
            errors.Add($"{path}.message", "is required where refuse is Message");
        }

        return new LimitsSnapshot
        {
            NewConnections = Rate($"{path}.newConnections", limits.NewConnections, errors),
            ListenerReceive = Bytes($"{path}.bandwidth.receiveBytesPerSecond", limits.Bandwidth?.ReceiveBytesPerSecond, errors),
            ListenerSend = Bytes($"{path}.bandwidth.sendBytesPerSecond", limits.Bandwidth?.SendBytesPerSecond, errors),
            ConnectionReceive = Bytes(
                $"{path}.connectionBandwidth.receiveBytesPerSecond",
                limits.ConnectionBandwidth?.ReceiveBytesPerSecond,
                errors
            ),
            ConnectionSend = Bytes(
                $"{path}.connectionBandwidth.sendBytesPerSecond",
                limits.ConnectionBandwidth?.SendBytesPerSecond,
                errors
            ),
            Refuse = limits.Refuse,
            Message = message,
        };
    }

    public static RateLimit Rate(string path, RateConfig? rate, ErrorList errors)
    {
        if (rate is null)
        {
            return default;
        }

        errors.Range($"{path}.perSecond", rate.PerSecond, 1, MaxNumber);
        errors.Range($"{path}.burst", rate.Burst, 0, MaxNumber);
        return errors.Count > 0 ? default : RateLimit.Of(rate.PerSecond, rate.Burst == 0 ? rate.PerSecond : rate.Burst);
    }

    public static PrefixLimit? Prefix(string path, PrefixLimitConfig? prefix, ErrorList errors)
    {
        if (prefix is null)
        {
            return null;
        }

        errors.Range($"{path}.connections", prefix.Connections, 1, 10_000_000);
        errors.Range($"{path}.ipv4Bits", prefix.Ipv4Bits, 8, 32);
        errors.Range($"{path}.ipv6Bits", prefix.Ipv6Bits, 16, 64);
        return new PrefixLimit(prefix.Connections, prefix.Ipv4Bits, prefix.Ipv6Bits);
    }

    private static ByteRate Bytes(string path, long? perSecond, ErrorList errors)
    {
        var value = perSecond ?? 0;
        if (value is not 0 and (< 1_000 or > 1_000_000_000_000))
        {
            errors.Add(path, $"is {value}; must be 0 or 1000 to 1000000000000");
            return default;
        }

        return ByteRate.Of(value);
    }
}
