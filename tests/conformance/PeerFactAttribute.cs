namespace Mooring.Conformance.Tests;

/// <summary>A test that needs a file of a Debian package, and perhaps Node.js; skipped, and counted as such, where it is not there.</summary>
public sealed class PeerFactAttribute : FactAttribute
{
    /// <param name="file">What the package brings.</param>
    /// <param name="package">Its name, for whoever reads that the test was skipped.</param>
    public PeerFactAttribute(string file, string package)
    {
        (File, Package) = (file, package);
        Skip = WhyNot(file, package);
    }

    public string File { get; }

    public string Package { get; }

    internal static string? WhyNot(string file, string package) =>
        System.IO.File.Exists(file) ? Node.WhyNot : $"{file} is not there: install {package}";
}

/// <summary>The same with rows of data.</summary>
public sealed class PeerTheoryAttribute : TheoryAttribute
{
    /// <param name="file">What the package brings.</param>
    /// <param name="package">Its name, for whoever reads that the test was skipped.</param>
    public PeerTheoryAttribute(string file, string package)
    {
        (File, Package) = (file, package);
        Skip = PeerFactAttribute.WhyNot(file, package);
    }

    public string File { get; }

    public string Package { get; }
}
