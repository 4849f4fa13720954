using System.Globalization;

namespace Mooring.Gateway.Telemetry;

/// <summary>Which connections the access log shows: the option <c>--access-log</c>.</summary>
/// <param name="Every">0: none; 1: all; N: one of N.</param>
internal readonly record struct AccessLogMode(int Every)
{
    private const string SamplePrefix = "sample:";

    /// <summary>Reads <c>on</c>, <c>off</c> or <c>sample:N</c>, N from 1 to 1,000,000.</summary>
    public static bool TryParse(string text, out AccessLogMode mode)
    {
        var every = text switch
        {
            "off" => 0,
            "on" => 1,
            _ when text.StartsWith(SamplePrefix, StringComparison.Ordinal)
                    && int.TryParse(text.AsSpan(SamplePrefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
                    && number is >= 1 and <= 1_000_000 => number,
            _ => -1,
        };
        mode = new AccessLogMode(Math.Max(every, 0));
        return every >= 0;
    }
}
