namespace Mooring.Gateway.Tuning;

/// <summary>The kernel settings of one host, by the names of <c>sysctl(8)</c>.</summary>
internal interface ISysctls
{
    /// <summary>Reads one; false with the reason where the kernel does not have it or does not show it.</summary>
    bool TryRead(string name, out string value);

    /// <summary>Writes one. Returns why it was refused; null: the kernel took it.</summary>
    string? Write(string name, string value);
}
