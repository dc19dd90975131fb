/** A file on a mirror and what it must be. */
export interface RemoteFile {
  readonly name: string;
  readonly size: number;
  readonly sha256: string;
}

/** A data set made of files: what they are called, where they may lie and where they can be had. */
export interface DatasetSource {
  readonly name: string;
  /** Folders to look in, below one that the user names; the first that has a file must have them all. */
  readonly folders: readonly string[];
  readonly files: readonly string[];
  /** Folder on the web that holds the downloads. */
  readonly mirror: string;
  /** The files, compressed, or one archive of them. */
  readonly downloads: readonly RemoteFile[];
}

const idxFiles = [
  "train-images-idx3-ubyte",
  "train-labels-idx1-ubyte",
  "t10k-images-idx3-ubyte",
  "t10k-labels-idx1-ubyte",
];

/** The four files of MNIST; its mirror is the one torchvision uses. */
export const mnistSource: DatasetSource = {
  name: "mnist",
  folders: ["mnist", "MNIST/raw", "."],
  files: idxFiles,
  mirror: "https://ossci-datasets.s3.amazonaws.com/mnist/",
  downloads: [
    {
      name: "train-images-idx3-ubyte.gz",
      size: 9912422,
      sha256: "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    },
    {
      name: "train-labels-idx1-ubyte.gz",
      size: 28881,
      sha256: "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    },
    {
      name: "t10k-images-idx3-ubyte.gz",
      size: 1648877,
      sha256: "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    },
    {
      name: "t10k-labels-idx1-ubyte.gz",
      size: 4542,
      sha256: "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    },
  ],
};

/** The four files of Fashion-MNIST (Zalando Research), named like those of MNIST. */
export const fashionMnistSource: DatasetSource = {
  name: "fashion-mnist",
  folders: ["fashion-mnist", "FashionMNIST/raw", "."],
  files: idxFiles,
  mirror: "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
  downloads: [
    {
      name: "train-images-idx3-ubyte.gz",
      size: 26421880,
      sha256: "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    },
    {
      name: "train-labels-idx1-ubyte.gz",
      size: 29515,
      sha256: "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    },
    {
      name: "t10k-images-idx3-ubyte.gz",
      size: 4422102,
      sha256: "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    },
    {
      name: "t10k-labels-idx1-ubyte.gz",
      size: 5148,
      sha256: "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    },
  ],
};

/** The six files of CIFAR-10's binary version (Krizhevsky 2009). */
export const cifar10Source: DatasetSource = {
  name: "cifar10",
  folders: ["cifar10", "cifar10/cifar-10-batches-bin", "cifar-10-batches-bin", "."],
  files: [1, 2, 3, 4, 5].map((batch) => `data_batch_${batch}.bin`).concat("test_batch.bin"),
  mirror: "https://www.cs.toronto.edu/~kriz/",
  downloads: [
    {
      name: "cifar-10-binary.tar.gz",
      size: 170052171,
      sha256: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    },
  ],
};
