namespace Mooring.Gateway.Telemetry.Geo;

/// <summary>Countries by a small number: all pairs of letters, and 0 for those that are not known. Pure.</summary>
internal static class CountryNames
{
    /// <summary>Numbers that there can be: metrics stay bounded whatever a database says.</summary>
    public const int Count = 1 + (26 * 26);

    public const string Unknown = "unknown";

    /// <param name="code">As of <see cref="GeoDatabase.CountryOf"/>.</param>
    public static int IndexOf(ushort code) => code == 0 ? 0 : 1 + (((code & 0xFF) - 'A') * 26) + ((code >> 8) - 'A');

    public static string Of(int index) => index == 0 ? Unknown : $"{(char)('A' + ((index - 1) / 26))}{(char)('A' + ((index - 1) % 26))}";
}
