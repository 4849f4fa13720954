using System.Globalization;
using System.Text;
using Mooring.Contracts.Configuration;

namespace Mooring.Gateway.Configuration;

/// <summary>Checks and translates an active health check. Pure.</summary>
internal static class CheckCompiler
{
    private const int MaxText = 1024;
    private const int MaxStatuses = 16;
    private static readonly TimeSpan Longest = TimeSpan.FromHours(1);

    public static CheckPlan Compile(string path, ActiveHealthConfig check, ErrorList errors)
    {
        errors.Range($"{path}.interval", check.Interval, TimeSpan.FromMilliseconds(100), Longest);
        errors.Range($"{path}.timeout", check.Timeout, TimeSpan.FromMilliseconds(1), TimeSpan.FromMinutes(10));
        errors.Range($"{path}.jitterPercent", check.JitterPercent, 0, 50);
        errors.Range($"{path}.rise", check.Rise, 1, 100);
        errors.Range($"{path}.fall", check.Fall, 1, 100);
        errors.Range($"{path}.port", check.Port, 0, 65_535);
        var isHttp = check.Type != HealthCheckType.TCP;
        if (isHttp && (check.Send is not null || check.Expect is not null))
        {
            errors.Add($"{path}.{(check.Send is not null ? "send" : "expect")}", $"is only for type TCP, not {check.Type}");
        }

        if (!IsTarget(check.Path))
        {
            errors.Add($"{path}.path", "must start with '/' and have at most 1024 printable characters without space and '#'");
        }

        if (check.Host is { } host && (host.Length is 0 or > 253 || Uri.CheckHostName(WithoutPort(host)) == UriHostNameType.Unknown))
        {
            errors.Add($"{path}.host", $"'{host}' is not a host name");
        }

        return new CheckPlan
        {
            Type = check.Type,
            IntervalMicroseconds = (long)check.Interval.TotalMicroseconds,
            JitterPercent = check.JitterPercent,
            Timeout = check.Timeout,
            Rise = check.Rise,
            Fall = check.Fall,
            Port = check.Port,
            Path = check.Path,
            Host = check.Host,
            Statuses = Statuses($"{path}.expectedStatuses", check.ExpectedStatuses, errors),
            Send = Bytes($"{path}.send", check.Send, errors),
            Expect = Bytes($"{path}.expect", check.Expect, errors),
        };
    }

    /// <summary>The bytes that a text with escapes stands for.</summary>
    /// <param name="text">UTF-8 with <c>\r \n \t \0 \\ \xHH</c>.</param>
    /// <param name="problem">Why not, with the character's offset; null when it could be read.</param>
    public static byte[] Unescape(string text, out string? problem)
    {
        using var bytes = new MemoryStream(text.Length);
        for (var i = 0; i < text.Length; )
        {
            var start = i;
            if (text[i] != '\\')
            {
                var next = text.IndexOf('\\', i);
                i = next < 0 ? text.Length : next;
                bytes.Write(Encoding.UTF8.GetBytes(text[start..i]));
                continue;
            }

            i += 2;
            switch (start + 1 < text.Length ? text[start + 1] : '\0')
            {
                case 'r':
                    bytes.WriteByte((byte)'\r');
                    break;
                case 'n':
                    bytes.WriteByte((byte)'\n');
                    break;
                case 't':
                    bytes.WriteByte((byte)'\t');
                    break;
                case '0':
                    bytes.WriteByte(0);
                    break;
                case '\\':
                    bytes.WriteByte((byte)'\\');
                    break;
                case 'x'
                    when start + 4 <= text.Length
                        && byte.TryParse(
                            text.AsSpan(start + 2, 2),
                            NumberStyles.AllowHexSpecifier,
                            CultureInfo.InvariantCulture,
                            out var code
                        ):
                    bytes.WriteByte(code);
                    i = start + 4;
                    break;
                default:
                    problem = $"has an escape that is none at character {start}; known are \\r \\n \\t \\0 \\\\ and \\xHH";
                    return [];
            }
        }

        problem = null;
        return bytes.ToArray();
    }

    private static byte[] Bytes(string path, string? text, ErrorList errors)
    {
        if (text is null)
        {
            return [];
        }

        if (text.Length is 0 or > MaxText)
        {
            errors.Add(path, $"must have 1 to {MaxText} characters");
            return [];
        }

        var bytes = Unescape(text, out var problem);
        if (problem is not null)
        {
            errors.Add(path, problem);
        }

        return bytes;
    }

    private static List<(int From, int To)> Statuses(string path, IReadOnlyList<string> texts, ErrorList errors)
    {
        if (texts.Count is 0 or > MaxStatuses)
        {
            errors.Add(path, $"has {texts.Count} items; must have 1 to {MaxStatuses}");
            return [];
        }

        var result = new List<(int From, int To)>(texts.Count);
        for (var i = 0; i < texts.Count; i++)
        {
            var parts = (texts[i] ?? "").Split('-');
            if (parts.Length <= 2 && IsStatus(parts[0], out var from) && IsStatus(parts[^1], out var to) && from <= to)
            {
                result.Add((from, to));
            }
            else
            {
                errors.Add($"{path}[{i}]", $"'{texts[i]}' is neither a status (200) nor a range of them (200-399)");
            }
        }

        return result;
    }

    private static bool IsStatus(string text, out int status) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out status) && status is >= 100 and <= 599;

    private static bool IsTarget(string path) =>
        path.StartsWith('/') && path.Length <= MaxText && path.All(static c => c is > ' ' and <= '~' and not '#');

    private static string WithoutPort(string host) =>
        host.LastIndexOf(':') is > 0 and var colon
        && int.TryParse(host.AsSpan(colon + 1), NumberStyles.None, null, out var port)
        && port <= 65_535
            ? host[..colon]
            : host;
}
